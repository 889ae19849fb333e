"""Optimization: one step of every method, schedules of the learning rate, and functions to try them on."""

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
    floor,
    indices,
    inverse,
    less,
    log,
    minimum,
    nonnegative,
    nonzero,
    pi,
    positive,
    scalars,
    signs,
    spd,
    sqrt,
    unit,
    where,
)

d, m, n = dims("d m n")
i, j, r, b, q = indices(i=d, j=d, r=m, b=n, q=n)
theta, grad, theta2, v, v2, s, s2, mean, mean2, mh, vh = arrays(
    theta=d, grad=d, theta2=d, v=d, v2=d, s=d, s2=d, m=d, m2=d, mh=d, vh=d
)
lr, beta, rho, eps, beta1, beta2, t, decay, length, cap = scalars(
    "lr beta rho eps beta1 beta2 t weight_decay n max_norm"
)
lr0, gamma, step, lam, T, warmup, x, y, f, k, x0, a0, b0 = scalars("lr0 gamma step lam T warmup x y f k x0 a b")

RUDER = "Ruder, An overview of gradient descent optimization algorithms (2016)"
NOCEDAL = "Nocedal and Wright, Numerical Optimization (2006)"

gradient_descent_step = Formula(
    "Step of gradient descent",
    given=[theta, grad, positive(lr)],
    let={theta2[i]: theta[i] - lr * grad[i]},
    wrt=[theta, grad, lr],
    claims={theta: "eye(d)", grad: "-lr * eye(d)", lr: "-grad"},
    aliases=("sgd_step",),
    source=f"{RUDER}, section 2",
    tags=("step",),
    explanation="A little way straight downhill.",
    worked=[
        Example(([3, 4], [6, 8], 0.1), [2.4, 3.2]),
    ],
)

momentum_velocity = Formula(
    "Velocity of momentum",
    given=[v, grad, unit(beta)],
    let={v2[i]: beta * v[i] + grad[i]},
    wrt=[v, grad],
    claims={v: "beta * eye(d)", grad: "eye(d)"},
    source="Polyak, Some methods of speeding up the convergence of iteration methods (1964)",
    tags=("state",),
    explanation="A running sum of gradients that forgets.",
)

momentum_step = Formula(
    "Step of gradient descent with momentum",
    given=[theta, grad, v, positive(lr), unit(beta)],
    let={v2[i]: beta * v[i] + grad[i], theta2[i]: theta[i] - lr * v2[i]},
    wrt=[theta, grad, v],
    claims={theta: "eye(d)", grad: "-lr * eye(d)", v: "-lr * beta * eye(d)"},
    aliases=("heavy_ball",),
    source="Polyak, Some methods of speeding up the convergence of iteration methods (1964)",
    tags=("step",),
    explanation="A heavy ball rolls on through small dips.",
)

nesterov_step = Formula(
    "Step of Nesterov's method",
    given=[theta, grad, v, positive(lr), unit(beta)],
    let={v2[i]: beta * v[i] + grad[i], theta2[i]: theta[i] - lr * (grad[i] + beta * v2[i])},
    wrt=[theta, grad, v],
    claims={theta: "eye(d)", grad: "-lr * (1 + beta) * eye(d)", v: "-lr * beta**2 * eye(d)"},
    source="Sutskever, Martens, Dahl and Hinton, On the importance of initialization and momentum (2013)",
    tags=("step",),
    explanation="Momentum that looks where it is going.",
)

adagrad_step = Formula(
    "Step of Adagrad",
    given=[theta, grad, nonnegative(s), positive(lr), positive(eps)],
    let={s2[i]: s[i] + grad[i] ** 2, theta2[i]: theta[i] - lr * grad[i] / (sqrt(s2[i]) + eps)},
    wrt=[theta, grad, s],
    claims={theta: "eye(d)"},
    source="Duchi, Hazan and Singer, Adaptive subgradient methods (2011)",
    tags=("step",),
    explanation="Directions that were steep before take smaller steps.",
)

rmsprop_step = Formula(
    "Step of RMSprop",
    given=[theta, grad, nonnegative(s), positive(lr), unit(rho), positive(eps)],
    let={
        s2[i]: rho * s[i] + (1 - rho) * grad[i] ** 2,
        theta2[i]: theta[i] - lr * grad[i] / (sqrt(s2[i]) + eps),
    },
    wrt=[theta, grad, s],
    claims={theta: "eye(d)"},
    source="Tieleman and Hinton, Lecture 6.5: RMSprop (2012)",
    tags=("step",),
    explanation="Each direction is scaled by its own recent size.",
)

_adam = {
    mean2[i]: beta1 * mean[i] + (1 - beta1) * grad[i],
    v2[i]: beta2 * v[i] + (1 - beta2) * grad[i] ** 2,
    mh[i]: mean2[i] / (1 - beta1**t),
    vh[i]: v2[i] / (1 - beta2**t),
}
_adam_inputs = [theta, grad, mean, nonnegative(v), count(t), positive(lr), unit(beta1), unit(beta2), positive(eps)]
adam_step = Formula(
    "Step of Adam",
    given=_adam_inputs,
    let={**_adam, theta2[i]: theta[i] - lr * mh[i] / (sqrt(vh[i]) + eps)},
    wrt=[theta, grad, mean, v],
    claims={theta: "eye(d)"},
    source="Kingma and Ba, Adam (2015), algorithm 1",
    tags=("step",),
    explanation="Momentum, scaled by recent size, both corrected for their start at zero.",
)

adamw_step = Formula(
    "Step of AdamW",
    given=[*_adam_inputs, positive(decay)],
    let={**_adam, theta2[i]: theta[i] - lr * mh[i] / (sqrt(vh[i]) + eps) - lr * decay * theta[i]},
    wrt=[theta, grad, mean, v],
    claims={theta: "(1 - lr * weight_decay) * eye(d)"},
    source="Loshchilov and Hutter, Decoupled weight decay regularization (2019), algorithm 2",
    tags=("step", "regularisation"),
    explanation="Adam with weights that shrink on their own account.",
)

weight_decay_step = Formula(
    "Step of gradient descent with weight decay",
    given=[theta, grad, positive(lr), positive(decay)],
    let={theta2[i]: (1 - lr * decay) * theta[i] - lr * grad[i]},
    wrt=[theta, grad],
    claims={theta: "(1 - lr * weight_decay) * eye(d)", grad: "-lr * eye(d)"},
    aliases=("l2_sgd_step", "weight_decay"),
    source="Krogh and Hertz, A simple weight decay can improve generalization (1992)",
    tags=("step", "regularisation"),
    explanation="Weights shrink a little at every step.",
)

gradient_clipping = Formula(
    "Gradient clipping",
    given=[grad, positive(cap)],
    let={length: sqrt(Sum(grad[j] ** 2, j)), theta2[i]: grad[i] * minimum(1, cap / length)},
    wrt=[grad],
    claims={},
    aliases=("clip_by_norm",),
    source="Pascanu, Mikolov and Bengio, On the difficulty of training recurrent neural networks (2013), section 3.2",
    tags=("step", "kink"),
    explanation="A gradient that is too long is shortened; its direction stays.",
)

avg = arrays(avg=d)[0]
exponential_moving_average = Formula(
    "Exponential moving average",
    given=[avg, theta, unit(beta)],
    let={theta2[i]: beta * avg[i] + (1 - beta) * theta[i]},
    wrt=[avg, theta],
    claims={avg: "beta * eye(d)", theta: "(1 - beta) * eye(d)"},
    aliases=("ema",),
    source="Polyak and Juditsky, Acceleration of stochastic approximation by averaging (1992)",
    tags=("state",),
    explanation="A mean that forgets the distant past.",
)

step_decay = Formula(
    "Learning rate that falls in steps",
    given=[nonnegative(t), positive(lr0), unit(gamma), positive(step)],
    let={lr: lr0 * gamma ** floor(t / step)},
    wrt=[lr0],
    claims={lr0: "gamma**floor(t / step)"},
    source="Goodfellow, Bengio and Courville, Deep Learning (2016), section 8.3.1",
    tags=("schedule",),
    explanation="Constant for a while, then smaller by a factor.",
    worked=[
        Example((5, 1, 0.1, 10), 1),
    ],
)

step_decay_continuous = Formula(
    "Learning rate that falls by a factor in every period",
    given=[nonnegative(t), positive(lr0), unit(gamma), positive(step)],
    let={lr: lr0 * gamma ** (t / step)},
    wrt=[t, lr0],
    claims={t: "lr0 * gamma**(t / step) * log(gamma) / step", lr0: "gamma**(t / step)"},
    source="Goodfellow, Bengio and Courville, Deep Learning (2016), section 8.3.1",
    tags=("schedule",),
    explanation="The same decline without the steps.",
    worked=[
        Example((5, 1, 0.1, 10), 0.316227766017),
    ],
)

exponential_decay = Formula(
    "Learning rate that falls exponentially",
    given=[nonnegative(t), positive(lr0), positive(lam)],
    let={lr: lr0 * exp(-lam * t)},
    wrt=[t, lr0, lam],
    claims={t: "-lam * lr0 * exp(-lam * t)", lr0: "exp(-lam * t)", lam: "-t * lr0 * exp(-lam * t)"},
    source="Goodfellow, Bengio and Courville, Deep Learning (2016), section 8.3.1",
    tags=("schedule",),
    explanation="The same fraction is lost in every unit of time.",
)

constant_lr = Formula(
    "Constant learning rate",
    given=[nonnegative(t), positive(lr0)],
    let={lr: lr0},
    wrt=[lr0],
    claims={lr0: "1"},
    source="Goodfellow, Bengio and Courville, Deep Learning (2016), section 8.3.1",
    tags=("schedule",),
    explanation="The schedule all others are compared with.",
)

cosine_decay = Formula(
    "Learning rate that follows half a cosine",
    given=[nonnegative(t), positive(lr0), positive(T)],
    let={lr: lr0 * (1 + cos(pi * t / T)) / 2},
    wrt=[t, lr0],
    claims={t: "-lr0 * pi * sin(pi * t / T) / (2 * T)", lr0: "(1 + cos(pi * t / T)) / 2"},
    aliases=("cosine_annealing",),
    source="Loshchilov and Hutter, SGDR (2017), eq. 5",
    tags=("schedule",),
    explanation="Slow at first, quick in the middle, slow again at the end.",
    worked=[
        Example((50, 0.2, 100), 0.1),
    ],
)

linear_warmup = Formula(
    "Learning rate that warms up",
    given=[nonnegative(t), positive(lr0), positive(warmup)],
    let={lr: lr0 * minimum(1, t / warmup)},
    wrt=[t],
    claims={},
    source="Goyal et al., Accurate, large minibatch SGD (2017), section 2.2",
    tags=("schedule", "kink"),
    explanation="From zero up to its full size, then constant.",
)

warmup_cosine = Formula(
    "Learning rate that warms up and follows a cosine down",
    given=[nonnegative(t), positive(lr0), positive(warmup), positive(T)],
    let={lr: where(less(t, warmup), lr0 * t / warmup, lr0 * (1 + cos(pi * (t - warmup) / (T - warmup))) / 2)},
    wrt=[t, lr0],
    claims={},
    source="Loshchilov and Hutter, SGDR (2017), eq. 5",
    tags=("schedule", "kink"),
    explanation="Up in a straight line, down in half a wave.",
)

dm = scalars("d")[0]
noam_schedule = Formula(
    "Learning rate of the first transformer",
    given=[positive(t), positive(dm), positive(warmup)],
    let={lr: minimum(1 / sqrt(t), t / (warmup * sqrt(warmup))) / sqrt(dm)},
    wrt=[t],
    claims={},
    aliases=("inverse_sqrt",),
    source="Vaswani et al., Attention is all you need (2017), eq. 3",
    tags=("schedule", "kink", "transformer"),
    explanation="Up in a straight line, then down with the square root of time.",
)

quadratic_bowl = Formula(
    "Bowl with its lowest point at 3",
    given=[x],
    let={f: (x - 3) ** 2},
    wrt=[x],
    claims={x: "2 * (x - 3)", (x, x): "2"},
    source=f"{NOCEDAL}, section 2.1",
    tags=("test function", "convex", "scalar"),
    explanation="The simplest thing to descend.",
)

quadratic_bowl_gd_step = Formula(
    "Step of gradient descent in the bowl",
    given=[x, positive(lr)],
    let={f: x - 2 * lr * (x - 3)},
    wrt=[x, lr],
    claims={x: "1 - 2 * lr", lr: "-2 * (x - 3)"},
    source=f"{NOCEDAL}, section 3.3",
    tags=("step", "scalar"),
    explanation="The distance to 3 is multiplied by 1 - 2 lr, which tells when it converges.",
)

quadratic_bowl_gd_iterate = Formula(
    "After k steps of gradient descent in the bowl",
    given=[x0, positive(lr), count(k)],
    let={f: 3 + (1 - 2 * lr) ** k * (x0 - 3)},
    wrt=[x0],
    claims={x0: "(1 - 2 * lr)**k"},
    source=f"{NOCEDAL}, section 3.3",
    tags=("step", "scalar"),
    explanation="Converges for rates below 1, oscillates at 1, and diverges beyond.",
    worked=[
        Example((0, 0.1, 3), 1.464),
        Example((0, 0.5, 3), 3),
        Example((0, 1.1, 3), 8.184),
    ],
)

rosenbrock = Formula(
    "Rosenbrock's valley",
    given=[x, y, a0, positive(b0)],
    let={f: (a0 - x) ** 2 + b0 * (y - x**2) ** 2},
    wrt=[x, y],
    claims={x: "-2 * (a - x) - 4 * b * x * (y - x**2)", y: "2 * b * (y - x**2)"},
    source="Rosenbrock, An automatic method for finding the greatest or least value of a function (1960)",
    tags=("test function",),
    explanation="A curved valley: easy to enter, slow to follow to its end at (a, a squared).",
)

xd = arrays(x=d)[0]
rosenbrock_nd = Formula(
    "Rosenbrock's valley in many dimensions",
    given=[xd],
    let={f: Sum(Delta(j, i + 1) * (100 * (xd[j] - xd[i] ** 2) ** 2 + (1 - xd[i]) ** 2), i, j)},
    wrt=[xd],
    claims={},
    source="Rosenbrock, An automatic method for finding the greatest or least value of a function (1960)",
    tags=("test function",),
    explanation="A chain of curved valleys with its lowest point at (1, ..., 1).",
)

himmelblau = Formula(
    "Himmelblau's function",
    given=[x, y],
    let={f: (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2},
    wrt=[x, y],
    claims={
        x: "4 * x * (x**2 + y - 11) + 2 * (x + y**2 - 7)",
        y: "2 * (x**2 + y - 11) + 4 * y * (x + y**2 - 7)",
    },
    source="Himmelblau, Applied Nonlinear Programming (1972)",
    tags=("test function",),
    explanation="Four lowest points of equal depth.",
)

rastrigin = Formula(
    "Rastrigin's function",
    given=[xd],
    let={f: 10 * d + Sum(xd[i] ** 2 - 10 * cos(2 * pi * xd[i]), i)},
    wrt=[xd],
    claims={xd: "2 * x + 20 * pi * sin(2 * pi * x)"},
    source="Rastrigin, Systems of Extremal Control (1974)",
    tags=("test function",),
    explanation="A bowl full of dimples, in which descent gets stuck.",
)

d1, d2 = scalars("d1 d2")
newton_update_1d = Formula(
    "Newton's method for one variable",
    given=[x, d1, nonzero(d2)],
    let={f: x - d1 / d2},
    wrt=[x, d1, d2],
    claims={x: "1", d1: "-1 / d2", d2: "d1 / d2**2"},
    source=f"{NOCEDAL}, section 2.2",
    tags=("step", "second order", "scalar"),
    explanation="Slope over bend: to the bottom of the parabola that fits best.",
)

A, bb = arrays(A=(d, d), b=d)
newton_step_quadratic = Formula(
    "Newton's method on a quadratic",
    given=[xd, spd(A), bb],
    let={
        theta2[i]: xd[i]
        - Sum(inverse(A)[i, j] * (Sum(A[j, indices(l=d)[0]] * xd[indices(l=d)[0]], indices(l=d)[0]) - bb[j]), j)
    },
    wrt=[bb],
    claims={bb: "inv(A)"},
    source=f"{NOCEDAL}, eq. 2.15",
    tags=("step", "second order", "matrix"),
    explanation="One step from anywhere ends at the solution.",
)

Xb, yb, g = arrays(X=(n, d), y=n, g=d)
w = arrays(w=d)[0]
minibatch_gradient = Formula(
    "Gradient of a batch",
    given=[Xb, yb, w],
    let={g[j]: 2 * Sum(Xb[b, j] * (Sum(Xb[b, i] * w[i], i) - yb[b]), b) / n},
    wrt=[w],
    claims={w: "(2/n) * X.T @ X"},
    aliases=("sgd_gradient", "sgd_minibatch_gradient"),
    source="Robbins and Monro, A stochastic approximation method (1951)",
    tags=("step", "batch"),
    explanation="The gradient of the squared error on a few samples: right on average.",
)

lagrangian_example = Formula(
    "Lagrangian of the point on a line nearest to the origin",
    given=[x, y, lam],
    let={f: x**2 + y**2 + lam * (x + y - 1)},
    wrt=[x, y, lam],
    claims={x: "2*x + lam", y: "2*y + lam", lam: "x + y - 1"},
    source="Boyd and Vandenberghe, Convex Optimization (2004), section 5.1",
    tags=("constraints", "scalar"),
    explanation="Stationary at x = y = 1/2, where the gradient is at right angles to the line.",
)

lamr, Q, c, Am, bm = arrays(lam=m, Q=(d, d), c=d, A=(m, d), b=m)
lagrangian_quadratic_program = Formula(
    "Lagrangian of a convex quadratic program",
    given=[xd, lamr, spd(Q), c, Am, bm],
    let={
        f: Sum(xd[i] * Q[i, j] * xd[j], i, j) / 2
        + Sum(c[i] * xd[i], i)
        + Sum(lamr[r] * (Sum(Am[r, i] * xd[i], i) - bm[r]), r),
    },
    wrt=[xd, lamr],
    claims={xd: "Q @ x + c + A.T @ lam", lamr: "A @ x - b"},
    aliases=("kkt_equality",),
    source=f"{NOCEDAL}, section 16.1",
    tags=("constraints", "matrix"),
    explanation="Its gradient is zero exactly at the solution and its prices.",
)

alpha, Xs, ys = arrays(alpha=n, X=(n, d), y=n)
svm_dual_objective = Formula(
    "Dual objective of a linear support vector machine",
    given=[nonnegative(alpha), Xs, signs(ys)],
    let={
        f: Sum(alpha[b], b) - Sum(alpha[b] * alpha[q] * ys[b] * ys[q] * Sum(Xs[b, i] * Xs[q, i], i), b, q) / 2,
    },
    wrt=[alpha],
    claims={alpha: "1 - y * (X @ X.T @ (alpha * y))"},
    source="Hastie, Tibshirani and Friedman, The Elements of Statistical Learning (2009), eq. 12.13",
    tags=("constraints", "classification"),
    explanation="How much each sample pushes the border.",
)

mu = scalars("mu")[0]
log_barrier = Formula(
    "Logarithmic barrier",
    given=[xd, Am, bm, positive(mu)],
    let={f: -mu * Sum(log(bm[r] - Sum(Am[r, i] * xd[i], i)), r)},
    wrt=[xd],
    claims={"x": "mu * A.T @ (1 / (b - A @ x))"},
    source="Boyd and Vandenberghe, Convex Optimization (2004), eq. 11.4",
    tags=("constraints", "convex"),
    explanation="A wall that grows without bound towards the border.",
)
