"""The outputs that the programs in tests/programs expect, from NumPy and JAX.

    python tests/reference/programs.py            compares
    python tests/reference/programs.py --write    writes what Python prints into the programs
    python tests/reference/programs.py --write indexing.tome

Lines of a program that start with `#|` are the same program in Python; `p(...)` prints as Microtome does.
Needs numpy, and scipy for some; programs that use jax are left out without it.
"""

import contextlib
import io
import pathlib
import sys

import numpy as np

try:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
except ImportError:  # Programs that use it are left out.
    jax = jnp = None

DIRECTIVES = ("# expect:", "# error:", "# warning:", "# input:", "# known-wrong:")


def text(value):
    """A value as Microtome prints it."""
    if isinstance(value, str):
        return value
    if isinstance(value, tuple):
        return "(" + ", ".join(text(v) for v in value) + ")"
    if isinstance(value, list):
        return "list(" + ", ".join(text(v) for v in value) + ")"
    value = np.asarray(value)
    if value.ndim:
        return str(value).replace("False", "false").replace(" True", " true").replace("[True", "[ true")
    item = value.item()
    if isinstance(item, bool):
        return "true" if item else "false"
    if value.dtype in (np.float16, np.float32) and np.isfinite(item):
        return str(value)
    return repr(item)


def p(*values):
    print(*[text(v) for v in values])


def split(source):
    """Heads (the `#---` line, if any) and lines of each case."""
    parts = [(None, [])]
    for line in source.splitlines():
        if line.startswith("#---"):
            parts.append((line, []))
        else:
            parts[-1][1].append(line)
    return parts


def expected(lines):
    out, within = None, False
    for line in lines:
        if line.startswith("# expect:"):
            out, within = [line[9:].strip()] if line[9:].strip() else [], True
        elif line.startswith(DIRECTIVES) or not line.startswith("#"):
            within = False
        elif within:
            out.append(line[2:])
    return out


def with_output(lines, output):
    kept, within = [], False
    for line in lines:
        within = line.startswith("# expect:") or (within and line.startswith("#") and not line.startswith(DIRECTIVES))
        if not within:
            kept.append(line)
    while kept and not kept[-1].strip():
        kept.pop()
    return kept + ["# expect:"] + [("# " + line).rstrip() for line in output] + [""]


def main():
    write = "--write" in sys.argv
    names = [a for a in sys.argv[1:] if not a.startswith("--")]
    root = pathlib.Path(__file__).parent.parent / "programs"
    checked = wrong = 0
    for path in sorted(root.rglob("*.tome")):
        if names and path.name not in names:
            continue
        parts = split(path.read_text())
        for index, (head, lines) in enumerate(parts):
            code = "\n".join(line[2:].removeprefix(" ") for line in lines if line.startswith("#|"))
            if not code or (jax is None and ("jax" in code or "jnp" in code)):
                continue
            out = io.StringIO()
            with contextlib.redirect_stdout(out), np.errstate(all="ignore"):
                exec(compile(code, f"{path.name} {head}", "exec"), {"np": np, "jnp": jnp, "jax": jax, "p": p})
            output = [line.rstrip() for line in out.getvalue().splitlines()]
            checked += 1
            have = expected(lines)
            if [line.rstrip() for line in have or []] != output:
                wrong += 1
                if write:
                    parts[index] = (head, with_output(lines, output))
                else:
                    print(f"{path.name} {head}: Python prints\n" + "\n".join(output) + "\nnot\n" + "\n".join(have or []))
        if write:
            flat = [line for head, lines in parts for line in ([head] if head else []) + lines]
            path.write_text("\n".join(flat).rstrip("\n") + "\n")
    print(f"{checked} programs, {wrong} differ" + (", rewritten" if write and wrong else ""))
    return 0 if write or not wrong else 1


sys.exit(main())
