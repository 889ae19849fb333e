"""What nobody declared: the one declaration under which a text can be read, where there is only one.

A name may be a number, or an array of the sizes at hand; small letters are no matrices. Every such declaration is tried
on what the text says from the place on where the name is met: first on the formula it stands in, then on those that
follow, until one is left. A formula that no declaration fits tells nothing: it may be the mistake that is looked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import product

from sympy import Expr

from derive.errors import DeriveError, ParseError
from derive.handwriting.arithmetic import Undeclared
from derive.handwriting.document import Chain, Document
from derive.handwriting.names import ACCENTS, DEPTH, FONTS, letter
from derive.handwriting.sides import Side, Understanding, names_below
from derive.handwriting.situation import Situation
from derive.handwriting.tokens import Token, tokens
from derive.handwriting.tree import Applied, Node, below
from derive.notation.tree import Binary, Call, Transpose
from derive.program import Array, Dim

KINDS = {0: "number", 1: "vector", 2: "matrix"}  # by how many axes an array has
ARRAYS_ONLY = {"transposed", "norm_2", "norm_F", "norm_1", "trace", "det", "logdet", "diag", "entrywise_power"}
SIZES = ("n", "d", "k", "m")
BARS = {"|", r"\|"}
OWN = "_own_"  # of the names of sizes that nothing else has
MOST_SIZES = 4
MOST_NAMES = 3  # that are told from one another's places
MOST_TRIALS = 120
MOST_LISTED = 4

Reading = Callable[[Situation], Iterator[bool]]


def readings(chains: Sequence[Chain], like: Understanding) -> Reading:
    """How chains are read under a situation: for every side and every relation between two, whether it fits."""

    def read(situation: Situation) -> Iterator[bool]:
        trial = Understanding(situation, like.document, dict(like.facts), set(like.seen))
        for chain in chains:
            trial.begin_chain()
            trial.meaning.strict = True
            sides: list[Side] = []
            for side in trial.sides(chain):
                if isinstance(side.error, Undeclared):
                    raise side.error
                yield side.error is None
                if sides and sides[-1].typed is not None and side.typed is not None:
                    zero = not side.typed.axes and side.typed.value == 0
                    yield zero or sides[-1].typed.shape == side.typed.shape
                sides.append(side)
            trial.see(*sides[1:])
            name = trial.defined_name(sides[0])
            if name is not None and trial.defines(chain, 0, sides[0], sides[1]):
                trial.enter_definition(name, sides[0], sides[1])

    return read


class Trial:
    """Some declarations, and how the text is read under them, as far as that was asked for."""

    def __init__(self, arrays: dict[str, Array], situation: Situation, reading: Reading) -> None:
        """The situation is left as it is."""
        self.arrays = arrays
        self.situation = situation.copy()
        for array in arrays.values():
            self.situation.declare(array)
        self.reading = reading(self.situation)
        self.fits: list[bool] = []

    def fit(self, place: int) -> bool | None:
        """Whether what stands at a place fits; None after the end.

        Raises:
            Undeclared: another name stands there that nobody declared.
        """
        while len(self.fits) <= place:
            fits = next(self.reading, None)
            if fits is None:
                return None
            self.fits.append(fits)
        return self.fits[place]


def possible(undeclared: Undeclared, situation: Situation, reading: Reading) -> list[dict[str, Array]]:
    """The declarations of a name under which a text can be read, with those of other names it takes for that.

    The formula in which the name is met has to fit. What follows may hold the mistake that is looked for: it tells
    between arrays of known sizes, but makes no number of what may be one. Nothing is found where there are too many to
    try.
    """
    place = _place(situation, reading)
    trials = [Trial({array.name: array}, situation, reading) for array in candidates(undeclared, situation)]
    fitting, _ = _fitting(trials, place, situation, reading)
    first, ended = fitting, False
    while len(fitting) > 1 and not ended:
        place += 1
        still, ended = _fitting(fitting, place, situation, reading)
        fitting = still or fitting
    met = [trial.arrays[undeclared.name].shape for trial in first]
    unknown = any(_is_own(size, undeclared.name) for shape in met for size in shape)
    number = any(met) and not any(trial.arrays[undeclared.name].shape for trial in fitting)
    return [trial.arrays for trial in (first if unknown or number else fitting)]


def _place(situation: Situation, reading: Reading) -> int:
    """How much can be read before a name is met that nobody declared."""
    trial = Trial({}, situation, reading)
    try:
        while trial.fit(len(trial.fits)) is not None:
            pass
    except Undeclared:
        pass
    return len(trial.fits)


def _fitting(trials: Sequence[Trial], place: int, situation: Situation, reading: Reading) -> tuple[list[Trial], bool]:
    """The trials under which a place fits, each with the other names it needs there; and whether the text ends."""
    fitting: list[Trial] = []
    ended, waiting, made = False, list(trials), len(trials)
    while waiting:
        trial = waiting.pop(0)
        try:
            fits = trial.fit(place)
        except Undeclared as other:
            more = [trial.arrays | {array.name: array} for array in candidates(other, trial.situation)]
            made += len(more)
            if made > MOST_TRIALS or len(trial.arrays) == MOST_NAMES:
                return [], True
            waiting[:0] = [Trial(arrays, situation, reading) for arrays in more]
            continue
        ended = ended or fits is None
        if fits:
            fitting.append(trial)
    return fitting, ended


def candidates(undeclared: Undeclared, situation: Situation) -> list[Array]:
    """What a name may be, as far as its letter and its place tell: a number, or an array of the sizes at hand.

    Sizes that nothing else has are among them; that such an array fits shows that another size is not the only one.
    """
    name, rank = undeclared.name, undeclared.rank
    sizes = sizes_at_hand(situation)
    if len(sizes) > MOST_SIZES:
        return []
    ranks = [0, 1, 2][: 3 if is_large(name) else 2] if rank is None else [rank, rank + 1]
    if name in situation.setting.wide:
        ranks = [r for r in ranks if r]
    own = [Dim(f"{name}{OWN}{count}") for count in range(1, max(ranks) + 1)]
    shapes = [shape for r in ranks for shape in product([*sizes, *own[:r]], repeat=r)]
    return [Array(name, shape) for shape in shapes if _in_order([size for size in shape if size in own])]


def _in_order(own: Sequence[Expr]) -> bool:
    """Whether sizes that are like all others come in their order, so that one shape is not tried under two names."""
    return [str(size) for size in dict.fromkeys(own)] == sorted({str(size) for size in own})[: len(set(own))]


def _is_own(size: Expr | str, name: str) -> bool:
    return str(size).startswith(f"{name}{OWN}")


def is_large(name: str) -> bool:
    """Whether a name begins with a capital letter, as those of matrices do."""
    return name[:1].isupper()


def sizes_at_hand(situation: Situation) -> list[Expr]:
    """The sizes that something declared has."""
    setting = situation.setting
    shapes = [array.shape for array in setting.inputs]
    return list(dict.fromkeys(size for shape in (*shapes, (*setting.dims.values(),)) for size in shape))


# ---------------------------------------------------------------- while a text is read


@dataclass
class Inferring(Understanding):
    """Understanding that declares what only one declaration fits, and asks for the rest."""

    asked: dict[str, list[Array]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Where nothing is declared as an array, names are numbers, those excepted that cannot be."""
        if not any(array.shape for array in self.situation.setting.arrays.values()):
            self.note_wide_names()

    def note_wide_names(self) -> None:
        """Tell the setting which names are no numbers."""
        self.situation.setting.wide |= set(self.wide_names())

    def wide_names(self) -> Iterator[str]:
        """The names in the document that are transposed, measured or turned into a matrix, as only arrays are."""
        for chain in self.document.chains:
            for side in chain.sides:
                try:
                    node = self.tree(side, self.written(side))
                except ParseError:
                    continue
                yield from _wide(node)
                yield from _differentiated(side)

    def understood(self, chain: Chain) -> list[Side]:
        """The sides of a chain, after everything is declared that has only one reading."""
        while True:
            self.begin_chain()
            sides: list[Side] = []
            for side in self.sides(chain):
                sides.append(side)
                if self.settled(side, chain):
                    break
            else:
                break
        if len(sides) > 1 and sides[0].typed is None and sides[0].error is None and sides[1].error is not None:
            self.situation.setting.unread.add(self.defined_name(sides[0]) or "")
        return [self.asking(side) for side in sides]

    def settled(self, side: Side, chain: Chain) -> bool:
        """Whether it was found what the name is on which the reading of a side failed; then it is declared."""
        if not isinstance(side.error, Undeclared) or side.error.name in self.asked:
            return False
        if not self.asked:
            self.note_wide_names()
        chains = self.document.chains
        rest = chains[next(at for at, other in enumerate(chains) if other is chain) :]
        found = possible(side.error, self.situation, readings(rest, self))
        self.asked[side.error.name] = [arrays[side.error.name] for arrays in found]
        return declared(side.error, found, self.situation, around(side.tokens, side.error))

    def asking(self, side: Side) -> Side:
        """A side with a name that has to be declared, and the line that does it."""
        if not isinstance(side.error, Undeclared):
            return side
        return replace(side, error=asked_for(side.error, self.asked.get(side.error.name, [])))


def defined(situation: Situation, definitions: Sequence[str], document: Document) -> Situation:
    """A situation with definitions, in which everything is declared that has only one reading.

    Raises:
        ParseError: a definition cannot be read; the message points at the place.
    """
    for at, latex in enumerate(definitions):
        while True:
            own = situation.copy()
            try:
                own.define(latex)
                situation = own
                break
            except Undeclared as undeclared:
                found = possible(undeclared, situation, _readings_after(definitions[at:], document))
                if not declared(undeclared, found, situation, around(tokens(latex), undeclared)):
                    raise asked_for(undeclared, [arrays[undeclared.name] for arrays in found]) from None
    return situation


def _readings_after(definitions: Sequence[str], document: Document) -> Reading:
    """How definitions are read, and then a document."""

    def read(situation: Situation) -> Iterator[bool]:
        for latex in definitions:
            try:
                situation.define(latex)
                yield True
            except Undeclared:
                raise
            except DeriveError:
                yield False
        yield from readings(document.chains, Understanding(situation, document))(situation)

    return read


def declared(undeclared: Undeclared, found: Sequence[dict[str, Array]], situation: Situation, where: str) -> bool:
    """Whether all readings that were found agree on what a name is; then it is declared."""
    arrays = {declarations[undeclared.name] for declarations in found}
    if len(arrays) != 1:
        return False
    (array,) = arrays
    if set(array.shape) - set(sizes_at_hand(situation)):
        return False
    situation.declare(array)
    situation.setting.inferred[array.name] = f"{kind(array)}; inferred from {where}"
    return True


def kind(array: Array) -> str:
    """What an array is: `number`, `vector, d`, `matrix, n d`."""
    named = KINDS.get(len(array.shape), "array")
    return ", ".join((named, " ".join(map(str, array.shape)))) if array.shape else named


def asked_for(undeclared: Undeclared, possible: Sequence[Array]) -> ParseError:
    """The message that asks for a declaration, with the line to add."""
    name = undeclared.name
    sizes = [str(size) for array in possible for size in array.shape if not _is_own(size, name)]
    shapes = list(dict.fromkeys(_with_letters(array.shape, name, sizes) for array in possible))
    likely = undeclared.rank or 1 + is_large(name)
    fitting = [shape for shape in shapes if len(shape) == likely] or [shape for shape in shapes if shape]
    line = " ".join(max(fitting, key=lambda shape: len(set(shape)), default=SIZES[:likely]))
    kinds = [_in_words(shape) for shape in shapes]
    if len(kinds) > MOST_LISTED:
        kinds = list(dict.fromkeys(words.partition(" (")[0] for words in kinds))
    either = f", and may be {', '.join(kinds[:-1])} or {kinds[-1]}" if len(kinds) > 1 else ""
    number = f", or  % given {name}:  for a number" if kinds and () in shapes else ""
    problem = f"{name!r} is not declared{either}; add a line such as  % given {name}: {line}{number}{undeclared.hint}"
    return ParseError(problem, undeclared.text, undeclared.column)


def _with_letters(shape: Sequence[Expr], name: str, taken: Sequence[str]) -> tuple[str, ...]:
    """A shape in which sizes that nothing else has get letters that are free."""
    free = (letter for letter in SIZES if letter not in taken)
    letters = {size: next(free, str(size)) for size in dict.fromkeys(shape) if _is_own(size, name)}
    return tuple(letters.get(size, str(size)) for size in shape)


def _in_words(shape: Sequence[str]) -> str:
    named = f"a {KINDS[len(shape)]}" if len(shape) in KINDS else "an array"
    return named + (f" ({' '.join(shape)})" if shape else "")


# ---------------------------------------------------------------- where a name stands


def around(side: Sequence[Token], undeclared: Undeclared) -> str:
    """The product a name stands in, as it is written; where it stands alone, with what it is added to."""
    runs = list(_runs(side))
    own = next((at for at, run in enumerate(runs) if run[0].at <= undeclared.column <= run[-1].at), None)
    if own is None:
        return _text(side, undeclared.text)
    first, last = own, own
    if sum(letter(token.text) is not None for token in runs[own]) < 2:
        depth = 0
        signs = [run[0].text for run in runs]
        for at in range(own + 1, len(runs)):
            depth += DEPTH.get(signs[at], 0)
            closes = signs[at] in BARS and signs[:own].count(signs[at]) % 2
            if depth < 0 or closes or signs[at] in ("+", "-"):
                break
            last = at
        first = max(own - 2, 0) if last == own else own
    return _text([token for run in runs[first : last + 1] for token in run], undeclared.text)


def _runs(side: Sequence[Token]) -> Iterator[list[Token]]:
    """Symbols side by side with what decorates them, and the signs between."""
    run: list[Token] = []
    depth = 0
    for at, token in enumerate(side):
        before = side[at - 1].text if at else ""
        decorates = depth or token.text in ("^", "_") or before in ("^", "_") or before in FONTS or before in ACCENTS
        symbol = letter(token.text) is not None or token.text in FONTS or token.text in ACCENTS
        if decorates:
            depth += {"{": 1, "}": -1}.get(token.text, 0)
            if run:
                run.append(token)
            else:
                yield [token]
        elif symbol:
            run.append(token)
        else:
            if run:
                yield run
            run = []
            yield [token]
    if run:
        yield run


def _text(piece: Sequence[Token], text: str) -> str:
    return " ".join(text[piece[0].at : piece[-1].at + len(piece[-1].text)].split())


def _wide(node: Node) -> Iterator[str]:
    """The names in a formula that stand where only arrays do."""
    for part in below(node):
        called = part.name if isinstance(part, Applied) else part.function if isinstance(part, Call) else ""
        together = isinstance(part, Binary) and part.op == "*"
        if isinstance(part, Transpose) or together or called in ARRAYS_ONLY:
            yield from (name.name for name in list(names_below(part))[:1])


def _differentiated(side: Sequence[Token]) -> Iterator[str]:
    """The names below a nabla."""
    texts = [token.text for token in side]
    for at, text in enumerate(texts[:-2]):
        if text == r"\nabla" and texts[at + 1] == "_" and letter(texts[at + 2]) is not None:
            yield letter(texts[at + 2]) or ""
