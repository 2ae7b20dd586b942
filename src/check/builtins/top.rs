//! Builtins of the top level: files and the clock.
//!
//! In: calls in a program's statements. Out: values that the session brings.
//! Always holds: inside a function each is an error, since functions are pure.

use super::Builtin;
use crate::check::call::Call;
use crate::check::{Checker, Loaded, Value};
use crate::diagnostic::{Diagnostic, Result, codes};
use crate::graph::{Constant, Size, Type};
use crate::runtime::array::{Array, DType};
use crate::syntax::ast::ExprKind;

pub(super) const ALL: &[Builtin] = &[
    Builtin {
        name: "load",
        doc: "load(\"f.npz\"): an array, a record whose fields are the file's arrays, or, for a folder of .npy files, a list. Reads .npy, .npz, .csv, .mat (version 5) and .safetensors.",
        example: ("", ""),
        apply: load,
    },
    Builtin {
        name: "clock",
        doc: "clock(): seconds since the program began, when everything above has been computed.",
        example: ("print(clock() >= 0.0)", "true"),
        apply: |c, call| {
            call.allow(&[])?;
            call.positional(0..=0, "clock()")?;
            let Some(host) = c.host.as_mut() else { return Err(impure(call)) };
            let seconds = host.clock();
            Ok(Value::array(c.graph.constant(Constant::float(seconds), DType::F64)))
        },
    },
    Builtin {
        name: "print",
        doc: "print(e, …): writes values on a line; only at the top level.",
        example: ("print(\"x is\", 1.5)", "x is 1.5"),
        apply: inner_statement,
    },
    Builtin {
        name: "save",
        doc: "save(\"f.npz\", name=value, …), save(\"f.npy\", value), save(\"f.csv\", value): writes a file (also .mat and .safetensors, with names); only at the top level. bf16 is stored as f32, but in a .safetensors.",
        example: ("", ""),
        apply: inner_statement,
    },
    Builtin {
        name: "plot",
        doc: "plot(y), plot(x, y), plot(x1, y1, x2, y2, …): lines, one for each column of a matrix, in the terminal or \
              in file=\"p.svg\" (or .png); NaN and inf are gaps. Also title= xlabel= ylabel= xlim=(a, b) ylim= \
              logx=true logy=true width= height= (columns and lines, in a file pixels), label=\"…\" and \
              style=\"line\"|\"points\"|\"line+points\" (several: a tuple); only at the top level.",
        example: (
            "plot([0, 1, 4, 9], width=30, height=7)",
            "  │                        ⡠⠔⠊
  │                    ⢀⡠⠒⠉
5 ┤                 ⣀⠤⠒⠁
  │           ⢀⣀⠤⠒⠊⠉
0 ┤⣀⣀⡠⠤⠤⠤⠤⠒⠒⠒⠉⠁
  └┬────────────────┬─────────
   0                2",
        ),
        apply: inner_statement,
    },
    Builtin {
        name: "hist",
        doc: "hist(x): how many of an array's elements fall into each of 10 equal bins, as bars; bins=30 or edges, \
              range=(a, b), density=true as in numpy.histogram (what is not finite is left out). Also title= xlabel= \
              ylabel= xlim= ylim= logx= logy= width= height= file=; only at the top level.",
        example: (
            "hist([1, 2, 2, 3], bins=3, width=30, height=6)",
            "2 ┤         ▆▆▆▆▆▆▆▆
  │         ████████
1 ┤▇▇▇▇▇▇▇▇ ████████ ▇▇▇▇▇▇▇▇
0 ┤████████ ████████ ████████
  └┬────────────┬────────────┬
   1            2            3",
        ),
        apply: inner_statement,
    },
    Builtin {
        name: "imshow",
        doc: "imshow(a): an array [h, w] as an image, row 0 above, or [h, w, 3] as red, green and blue (floats in 0..1, \
              integers in 0..255). vmin= and vmax= are the values of the first and last colour of colormap=\"viridis\" \
              (cividis, magma, inferno, plasma, gray). Also title= xlabel= ylabel= width= height= file=; only at the top level.",
        example: (
            "imshow([[0, 1], [2, 3]], width=20, height=7)",
            "  │    ░░░░
0 ┤    ░░░░
1 ┤▓▓▓▓████
  │▓▓▓▓████
  └──┬──┬──
     0  1
  0    ░░░░░▒▒▒▒▓▓▓▓▓███ 3",
        ),
        apply: inner_statement,
    },
];

fn impure(call: &Call<'_>) -> Box<Diagnostic> {
    Diagnostic::error(codes::TYPE, call.span, format!("`{}` is not for functions", call.name))
        .at("functions are pure")
        .help("do it at the top level and pass the value in")
}

/// Inside of a block at the top level: what it does is seen when the block is run, here it is only checked.
fn inner_statement(c: &mut Checker<'_>, call: &Call<'_>) -> Result<Value> {
    if c.flow.function || c.host.is_none() || !c.scope.is_inner() {
        return Err(statement_only(call));
    }
    call.args.iter().try_for_each(|arg| c.expression(&arg.value).map(|_| ()))?;
    Ok(Value::Nothing)
}

fn statement_only(call: &Call<'_>) -> Box<Diagnostic> {
    Diagnostic::error(codes::TYPE, call.span, format!("`{}` is a statement of the top level", call.name))
        .at("here a value is needed, or a function is being defined")
        .help("write it on a line of its own, outside functions")
}

fn load(c: &mut Checker<'_>, call: &Call<'_>) -> Result<Value> {
    call.allow(&[])?;
    let [file] = call.exactly("load(\"file.npz\")")?;
    let ExprKind::Str(path) = &file.kind else {
        return Err(Diagnostic::error(codes::TYPE, file.span, "`load` takes a path in quotes"));
    };
    let Some(host) = c.host.as_mut() else { return Err(impure(call)) };
    let loaded = host.load(path, call.span)?;
    Ok(value(c, "load", loaded))
}

impl Checker<'_> {
    /// What somebody gives under a name, as a value.
    pub fn given(&mut self, name: &str, loaded: Loaded) -> Value {
        value(self, name, loaded)
    }
}

/// What a file holds as a value; `name` is what its arrays are called in the graph.
fn value(c: &mut Checker<'_>, name: &str, loaded: Loaded) -> Value {
    match loaded {
        Loaded::Array(array) => constant(c, name, array),
        Loaded::Text(text) => Value::Text(text),
        Loaded::List(items) => Value::List(items.into_iter().map(|item| value(c, name, item)).collect()),
        Loaded::Record(fields) => {
            let field = |(name, inner): (String, Loaded)| {
                let value = value(c, &name, inner);
                (name, value)
            };
            Value::Record(fields.into_iter().map(field).collect())
        }
    }
}

/// An array from a file: an input of the graph with literal sizes, and its value beside it.
fn constant(c: &mut Checker<'_>, name: &str, array: Array) -> Value {
    let shape = array.shape().iter().map(|&size| Size::from(size as i64)).collect();
    let id = c.graph.add_input(name, Type::array(array.dtype(), shape));
    c.loaded.push((id, array));
    Value::array(id)
}
