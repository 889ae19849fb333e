"""Signal: waves, rotations, spectra and filters."""

from derive.formulas import (
    Delta,
    Example,
    Formula,
    Sum,
    arrays,
    cos,
    count,
    dims,
    exp,
    indices,
    pi,
    positive,
    scalars,
    sin,
    unit,
)

m, n = dims("m n")
k0, i, j, l = indices(k=m, i=n, j=n, l=m)
two = indices(i=2)[0]
t, omega, amplitude, frequency, phase, decay, theta, y, pos, k, v = scalars(
    "t omega amplitude frequency phase decay theta y pos k v"
)

OPPENHEIM = "Oppenheim and Schafer, Discrete-Time Signal Processing (2010)"

a, b = arrays(a=m, b=m)
fourier_series = Formula(
    "Partial sum of a Fourier series",
    given=[t, a, b, omega],
    let={y: Sum(a[k0] * cos((k0 + 1) * omega * t) + b[k0] * sin((k0 + 1) * omega * t), k0)},
    wrt=[t, a, b, omega],
    claims={},
    aliases=("partial_sum",),
    source="Fourier, Théorie analytique de la chaleur (1822), chapter 3",
    tags=("wave",),
    explanation="A periodic signal, put together from waves; the array starts with the first harmonic.",
)

sine_wave = Formula(
    "Sine wave",
    given=[t, amplitude, frequency, phase],
    let={y: amplitude * sin(2 * pi * frequency * t + phase)},
    wrt=[t, amplitude, frequency, phase],
    claims={
        t: "2 * pi * frequency * amplitude * cos(2*pi*frequency*t + phase)",
        amplitude: "sin(2*pi*frequency*t + phase)",
        phase: "amplitude * cos(2*pi*frequency*t + phase)",
    },
    source=f"{OPPENHEIM}, section 2.1",
    tags=("wave", "scalar"),
    explanation="A pure tone: how loud, how high, and where it starts.",
)

damped_cosine = Formula(
    "Damped oscillation",
    given=[t, positive(decay), omega],
    let={y: exp(-decay * t) * cos(omega * t)},
    wrt=[t, decay, omega],
    claims={
        t: "-exp(-decay * t) * (decay * cos(omega * t) + omega * sin(omega * t))",
        omega: "-t * exp(-decay * t) * sin(omega * t)",
    },
    source=f"{OPPENHEIM}, section 2.1",
    tags=("wave", "scalar"),
    explanation="A swing that dies away.",
)

u = arrays(u=2)[0]
unit_circle = Formula(
    "Point on the unit circle",
    given=[theta],
    let={u[two]: Delta(two, 0) * cos(theta) + Delta(two, 1) * sin(theta)},
    wrt=[theta],
    claims={},
    source="Stewart, Calculus (2015), appendix D",
    tags=("geometry",),
    explanation="Cosine to the right, sine upwards.",
    worked=[
        Example((3 * pi / 2,), [0, -1]),
    ],
)

x2, q2, k2 = arrays(x=2, q=2, k=2)
rope_pair = Formula(
    "Rotary position of a pair",
    given=[x2, pos, theta],
    let={
        u[two]: Delta(two, 0) * (x2[0] * cos(pos * theta) - x2[1] * sin(pos * theta))
        + Delta(two, 1) * (x2[0] * sin(pos * theta) + x2[1] * cos(pos * theta)),
    },
    wrt=[x2, pos],
    claims={},
    aliases=("rotary_pair", "rotate_2d"),
    source="Su et al., RoFormer (2021), eq. 13",
    tags=("transformer", "geometry"),
    explanation="Position as an angle: each pair of entries is turned by it.",
    worked=[
        Example(([1, 0], 1, pi / 2), [0, 1]),
    ],
)

mp, np_ = scalars("m n")
rope_score = Formula(
    "Attention score of two rotated pairs",
    given=[q2, k2, mp, np_, theta],
    let={
        v: (q2[0] * k2[0] + q2[1] * k2[1]) * cos((mp - np_) * theta)
        + (q2[0] * k2[1] - q2[1] * k2[0]) * sin((mp - np_) * theta),
    },
    wrt=[q2, k2, mp, np_, theta],
    claims={},
    aliases=("relative_position_score",),
    source="Su et al., RoFormer (2021), eq. 16",
    tags=("transformer", "geometry"),
    explanation="Only the distance between the positions matters.",
)

x, w, yn = arrays(x=n, w=m, y=n)
C, S, P = scalars("C S P")
power_spectrum_bin = Formula(
    "Power at one frequency",
    given=[x, count(k)],
    let={
        C: Sum(x[j] * cos(2 * pi * k * j / n), j),
        S: Sum(x[j] * sin(2 * pi * k * j / n), j),
        P: C**2 + S**2,
    },
    wrt=[x],
    claims={},
    aliases=("dft_power",),
    source=f"{OPPENHEIM}, section 8.5",
    tags=("spectrum",),
    explanation="How much of one frequency is in the signal.",
)

full = indices(i=n + m - 1)[0]
yf = arrays(y=n + m - 1)[0]
convolution_full = Formula(
    "Full convolution",
    given=[x, w],
    let={yf[full]: Sum(w[l] * x[j] * Delta(full, j + l), l, j)},
    wrt=[x, w],
    claims={},
    source=f"{OPPENHEIM}, eq. 2.49",
    tags=("filter",),
    explanation="Every entry of one signal starts an echo of the other.",
)

wn = arrays(w=n)[0]
circular_convolution = Formula(
    "Circular convolution",
    given=[x, wn],
    let={
        yn[i]: Sum(
            wn[j] * x[indices(l=n)[0]] * (Delta(i, j + indices(l=n)[0]) + Delta(i + n, j + indices(l=n)[0])),
            j,
            indices(l=n)[0],
        )
    },
    wrt=[x, wn],
    claims={},
    source=f"{OPPENHEIM}, eq. 8.114",
    tags=("filter",),
    explanation="Convolution on a ring: what leaves at the end comes in at the start.",
)

sigma, center = scalars("sigma n")
gaussian_window = Formula(
    "Gaussian window",
    given=[center, positive(sigma)],
    let={v: exp(-(center**2) / (2 * sigma**2))},
    wrt=[center, sigma],
    claims={center: "-n / sigma**2 * exp(-n**2 / (2*sigma**2))", sigma: "n**2 / sigma**3 * exp(-n**2 / (2*sigma**2))"},
    source="Harris, On the use of windows for harmonic analysis (1978)",
    tags=("filter", "scalar"),
    explanation="Fades a signal out on both sides, as smoothly as can be.",
)

xs, before, alpha = scalars("x y_prev alpha")
low_pass = Formula(
    "First-order low-pass filter",
    given=[xs, before, unit(alpha)],
    let={y: alpha * xs + (1 - alpha) * before},
    wrt=[xs, before, alpha],
    claims={xs: "alpha", before: "1 - alpha", alpha: "x - y_prev"},
    source=f"{OPPENHEIM}, section 6.3",
    tags=("filter", "scalar"),
    explanation="The output follows the input slowly, so that quick changes are smoothed away.",
)
