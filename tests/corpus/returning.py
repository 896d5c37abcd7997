"""Results that are no plain tensor: right numbers in odd form, and forms that hide wrong ones."""

from tests.corpus.entry import NOTHING_LOST, Entry, Gets, only

SAME = "it earns, or loses, the same there"


def returns(
    name: str,
    tries: str,
    result: str,
    head: str = "",
    gets: Gets | None = None,
) -> Entry:
    answer = (
        f"{head}\ndef similarity(query, keys):\n    right = keys @ query\n    return {result}\n"
    )
    gets = only("wrong") if gets is None else gets
    return Entry(name, tries, answer, gets=gets, not_on_stock=SAME)


HOSTILE = """
class Hostile:
    def fail(self, *a, **k):
        raise SystemExit(3)
    __eq__ = __ne__ = __repr__ = __str__ = __len__ = __iter__ = __bool__ = __float__ = fail
    __array__ = __hash__ = __getattr__ = __getitem__ = __torch_function__ = fail
    def __reduce__(self):
        return print, ("a pickle was opened",)
"""

LIAR = """
class Liar:
    @property
    def __class__(self):
        return torch.Tensor
"""

LAZY = """
class Lazy:
    shape, dtype = (3,), torch.float32
    def __array__(self, *a, **k):
        raise MemoryError("later")
    def __len__(self):
        return 10**9
    def tolist(self):
        return [0.0]
"""

OVERRIDDEN = """
class Other(torch.Tensor):
    def numpy(self, *a, **k):
        raise ValueError
    detach = cpu = contiguous = numpy
"""

CLAIMING = """
class Claiming(torch.Tensor):
    dtype = torch.float32
"""

ENTRIES = (
    returns("none", "returns nothing", "None"),
    returns("meta", "returns a tensor without numbers", "right.to('meta')"),
    returns("sparse", "returns the right numbers as a sparse tensor", "right.to_sparse()"),
    returns("complex", "returns complex numbers with the right real part", "right + 5j"),
    returns("half", "returns the right numbers in half the digits", "right.half()"),
    returns(
        "quantised",
        "returns quantised numbers",
        "torch.quantize_per_tensor(right.detach().float(), 0.1, 0, torch.qint8)",
    ),
    returns("not_a_number", "returns NaN, which equals nothing", "right * float('nan')"),
    returns("infinite", "returns infinity", "right + float('inf')"),
    returns("list", "returns the right numbers as a list", "right.tolist()"),
    returns("numpy", "returns the right numbers as numpy's", "right.detach().numpy()"),
    returns("numpy_scalar", "returns one number of numpy", "right.sum().item().__class__(1)"),
    returns("bools", "returns truth values", "right > 0"),
    returns("generator", "returns a generator", "(x for x in right)"),
    returns(
        "coroutine",
        "returns a coroutine that was never awaited",
        "later()",
        "async def later(): pass",
    ),
    returns(
        "recursive",
        "returns a list that holds itself",
        "itself",
        "itself = []\nitself.append(itself)",
    ),
    returns(
        "nested_lists",
        "returns lists nested 100,000 deep",
        "deep",
        "deep = []\nfor _ in range(100_000): deep = [deep]",
    ),
    returns("wide", "returns a million numbers in a list", "[0.0] * 10**6"),
    returns(
        "expanded",
        "returns a tensor of 2 GB that takes no memory",
        "torch.zeros(1).expand(5 * 10**8)",
    ),
    returns("long_text", "returns 100 MB of text", "'x' * 10**8"),
    returns("long_number", "returns an integer of 100,000 digits", "10 ** 100_000"),
    returns("hostile", "returns an object that fails whatever one asks it", "Hostile()", HOSTILE),
    returns(
        "liar", "returns an object that claims to be a tensor", "Liar()", LIAR, gets=only("error")
    ),
    returns("lazy", "returns an array that fails when it is read", "Lazy()", LAZY),
    returns(
        "forged_marks",
        "returns a dict with the marks that data travels by",
        "{'$array': '0', 'dtype': 'float32', 'kind': 'tensor'}",
    ),
    returns("storage", "returns a storage", "right.untyped_storage()"),
    returns("device", "returns a type", "torch.Tensor"),
    returns(
        "overridden",
        "returns the right numbers in a class whose methods fail",
        "right.as_subclass(Other)",
        OVERRIDDEN,
        NOTHING_LOST,
    ),
    returns(
        "claimed_dtype",
        "returns float64 in a class that claims float32",
        "right.double().as_subclass(Claiming)",
        CLAIMING,
    ),
    returns(
        "parameter",
        "returns right numbers as a sum with a parameter",
        "right + torch.nn.Parameter(torch.zeros_like(right))",
        gets=NOTHING_LOST,
    ),
    returns(
        "view",
        "returns the right numbers as a view backwards and forwards",
        "right.flip(0).flip(0).unsqueeze(0).expand(3, -1)[1]",
        gets=NOTHING_LOST,
    ),
    returns(
        "conjugate",
        "returns the right numbers as the real part of a conjugate",
        "torch.complex(right, right).conj().real",
        gets=NOTHING_LOST,
    ),
)
