//! The text of a graph, read back.
//!
//! In: what `Display` for [`Graph`] prints, or a person wrote the same way (`//` starts a comment, nodes may have names: `%loss`).
//! Out: a graph, or what was expected instead at which line and column.
//! Always holds: types are taken as written; whether they fit the operators is [`super::verify()`]'s question.

mod lexer;

use super::{Binder, CheckKind, Constant, Graph, Input, NodeId, Op, Size, Type, VarId};
use crate::ops::{Labels, elementwise, reduction, routine};
use crate::runtime::array::DType;
use lexer::{Kind, Token, tokens};
use rustc_hash::FxHashMap;
use std::str::FromStr;

/// Reads one graph. The message of an error begins with `line:column:`.
pub fn parse(text: &str) -> Result<Graph, String> {
    let mut parser = Parser {
        tokens: tokens(text)?,
        at: 0,
        graph: Graph::default(),
        nodes: FxHashMap::default(),
        vars: FxHashMap::default(),
        marks: 0,
    };
    parser.graph()?;
    let marks = parser.marks;
    parser.graph.reserve_marks(marks);
    Ok(parser.graph)
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    graph: Graph,
    nodes: FxHashMap<String, NodeId>,
    vars: FxHashMap<String, VarId>,
    marks: u32,
}

/// Small pieces.
impl Parser {
    fn peek(&self) -> &Kind {
        self.tokens.get(self.at).map_or(&Kind::End, |token| &token.kind)
    }

    fn next(&mut self) -> Kind {
        let kind = self.peek().clone();
        self.at += 1;
        kind
    }

    /// An error at the token before the current one.
    fn fail<T>(&self, message: &str) -> Result<T, String> {
        let last = self.tokens.len().saturating_sub(1);
        let token = self.tokens.get(self.at.saturating_sub(1).min(last));
        let (line, column) = token.map_or((1, 1), |token| (token.line, token.column));
        Err(format!("{line}:{column}: {message}"))
    }

    fn wanted<T>(&self, what: &str, found: &Kind) -> Result<T, String> {
        self.fail(&format!("expected {what}, found {}", found.describe()))
    }

    fn eat(&mut self, c: char) -> bool {
        let found = *self.peek() == Kind::Sign(c);
        self.at += usize::from(found);
        found
    }

    fn sign(&mut self, c: char) -> Result<(), String> {
        match self.next() {
            Kind::Sign(found) if found == c => Ok(()),
            other => self.wanted(&format!("`{c}`"), &other),
        }
    }

    fn word(&mut self, what: &str) -> Result<String, String> {
        match self.next() {
            Kind::Word(word) => Ok(word),
            other => self.wanted(what, &other),
        }
    }

    fn name(&mut self, what: &str) -> Result<String, String> {
        match self.next() {
            Kind::Word(name) | Kind::Text(name) => Ok(name),
            other => self.wanted(what, &other),
        }
    }

    fn integer<T: FromStr>(&mut self) -> Result<T, String> {
        let minus = if self.eat('-') { "-" } else { "" };
        let found = self.next();
        let value = match &found {
            Kind::Number(digits) => format!("{minus}{digits}").parse().ok(),
            _ => None,
        };
        value.map_or_else(|| self.wanted("a whole number that fits", &found), Ok)
    }

    fn list<T>(&mut self, item: fn(&mut Parser) -> Result<T, String>) -> Result<Vec<T>, String> {
        self.sign('[')?;
        let mut items = Vec::new();
        while !self.eat(']') {
            if !items.is_empty() {
                self.sign(',')?;
            }
            items.push(item(self)?);
        }
        Ok(items)
    }

    fn size(&mut self) -> Result<Size, String> {
        let mut sum = Size::from(0);
        let mut negative = self.eat('-');
        loop {
            let term = self.size_term()?;
            sum = if negative { sum.minus(&term) } else { sum.plus(&term) };
            negative = *self.peek() == Kind::Sign('-');
            if !negative && *self.peek() != Kind::Sign('+') {
                return Ok(sum);
            }
            self.at += 1;
        }
    }

    fn size_term(&mut self) -> Result<Size, String> {
        let mut product = Size::one();
        loop {
            let factor = match self.next() {
                Kind::Word(name) => Size::var(&name),
                // Magnitudes are unsigned in print: that of `i64::MIN` wraps to itself.
                Kind::Number(digits) => match digits.parse::<u64>() {
                    Ok(value) => Size::from(value as i64),
                    Err(_) => return self.fail("a size that is no whole number"),
                },
                other => return self.wanted("a size", &other),
            };
            product = product.times(&factor);
            if !self.eat('*') {
                return Ok(product);
            }
        }
    }

    fn ty(&mut self) -> Result<Type, String> {
        let name = self.word("an element type")?;
        let Some(dtype) = DType::from_name(&name) else {
            return self.fail(&format!("`{name}` is no element type"));
        };
        let shape = if *self.peek() == Kind::Sign('[') { self.list(Parser::size)? } else { Vec::new() };
        Ok(Type::array(dtype, shape))
    }

    fn node(&mut self) -> Result<NodeId, String> {
        match self.next() {
            Kind::Node(name) => match self.nodes.get(&name) {
                Some(&id) => Ok(id),
                None => self.fail(&format!("`%{name}` is not defined above")),
            },
            other => self.wanted("a node", &other),
        }
    }

    fn node_list(&mut self) -> Result<Vec<NodeId>, String> {
        let mut nodes = Vec::new();
        while matches!(self.peek(), Kind::Node(_)) {
            nodes.push(self.node()?);
        }
        Ok(nodes)
    }

    fn index_var(&mut self) -> Result<VarId, String> {
        let name = self.name("an index variable")?;
        match self.vars.get(&name) {
            Some(&var) => Ok(var),
            None => self.fail(&format!("no index variable `{name}` is declared")),
        }
    }
}

/// Statements.
impl Parser {
    fn graph(&mut self) -> Result<(), String> {
        match self.next() {
            Kind::Word(word) if word == "graph" => {}
            other => return self.wanted("`graph`", &other),
        }
        self.graph.name = self.name("the graph's name")?;
        self.inputs()?;
        self.sign('{')?;
        loop {
            match self.next() {
                Kind::Node(name) => self.definition(name)?,
                Kind::Word(word) if word == "var" => self.declaration()?,
                Kind::Word(word) if word == "size" => {
                    let name = self.name("a size")?;
                    self.sign('=')?;
                    let value = self.node()?;
                    self.graph.bind_size(name.as_str().into(), value);
                }
                Kind::Word(word) if word == "check" => {
                    let check = self.node()?;
                    self.graph.checks.push(check);
                }
                Kind::Word(word) if word == "return" => break,
                other => return self.wanted("a node, `var`, `check` or `return`", &other),
            }
        }
        self.graph.outputs = self.node_list()?;
        self.sign('}')?;
        match self.next() {
            Kind::End => Ok(()),
            other => self.wanted("the end of the text", &other),
        }
    }

    fn inputs(&mut self) -> Result<(), String> {
        self.sign('(')?;
        while !self.eat(')') {
            if !self.graph.inputs.is_empty() {
                self.sign(',')?;
            }
            let name = self.name("a parameter's name")?;
            self.sign(':')?;
            let ty = self.ty()?;
            self.graph.inputs.push(Input { name, ty });
        }
        Ok(())
    }

    fn declaration(&mut self) -> Result<(), String> {
        let name = self.name("an index variable's name")?;
        if self.vars.contains_key(&name) {
            return self.fail(&format!("the index variable `{name}` is declared twice"));
        }
        self.sign(':')?;
        let extent = self.size()?;
        let var = self.graph.new_var(name.clone(), extent);
        self.vars.insert(name, var);
        Ok(())
    }

    fn definition(&mut self, name: String) -> Result<(), String> {
        if self.nodes.contains_key(&name) {
            return self.fail(&format!("`%{name}` is defined twice"));
        }
        self.sign('=')?;
        let op = self.op()?;
        let operands = self.node_list()?;
        self.sign(':')?;
        let ty = self.ty()?;
        let id = self.graph.add(op, operands, ty);
        self.nodes.insert(name, id);
        Ok(())
    }
}

/// Operators.
impl Parser {
    fn op(&mut self) -> Result<Op, String> {
        let name = self.word("an operator")?;
        Ok(match name.as_str() {
            "input" => Op::Input(self.integer()?),
            "const" => Op::Const(self.constant()?),
            "size" => Op::Size(self.size()?),
            "var" => Op::Var(self.index_var()?),
            "iota" => Op::Iota,
            "map" => self.map()?,
            "cast" => Op::Cast,
            "reduce" => self.reduce()?,
            "broadcast" => Op::Broadcast { axes: self.list(Parser::integer)? },
            "transpose" => Op::Transpose { perm: self.list(Parser::integer)? },
            "reshape" => Op::Reshape,
            "slice" => Op::Slice { starts: self.list(Parser::size)?, steps: self.list(Parser::integer)? },
            "place" => Op::Place { starts: self.list(Parser::size)?, steps: self.list(Parser::integer)? },
            "concat" => Op::Concat { axis: self.integer()? },
            "contract" => self.contract()?,
            "gather" => Op::Gather { axes: self.list(Parser::integer)? },
            "scatter_add" => Op::ScatterAdd { axes: self.list(Parser::integer)? },
            "update" => Op::Update { axes: self.list(Parser::integer)?, adds: false },
            "update_add" => Op::Update { axes: self.list(Parser::integer)?, adds: true },
            "routine" => self.routine()?,
            "build" => Op::Build(self.index_var()?),
            "state" => Op::State(self.index_var()?),
            "loop" => {
                let counter = self.index_var()?;
                Op::Loop(Binder { counter, states: self.list(Parser::index_var)? })
            }
            "final" => Op::Final(self.integer()?),
            "check" => Op::Check(self.check()?),
            "grad" => Op::Grad,
            "vjp" => Op::Vjp,
            "jvp" => Op::Jvp,
            "jacobian" => Op::Jacobian,
            "mark" => self.mark()?,
            "stop_gradient" => Op::StopGradient,
            "checkpoint" => Op::Checkpoint,
            _ => return self.fail(&format!("`{name}` is no operator")),
        })
    }

    fn map(&mut self) -> Result<Op, String> {
        let name = self.word("an elementwise operator")?;
        match elementwise::find(&name) {
            Some(op) => Ok(Op::Map(op)),
            None => self.fail(&format!("`{name}` is no elementwise operator")),
        }
    }

    fn reduce(&mut self) -> Result<Op, String> {
        let name = self.word("a reduction")?;
        match reduction::find(&name) {
            Some(kind) => Ok(Op::Reduce { kind, axes: self.list(Parser::integer)? }),
            None => self.fail(&format!("`{name}` is no reduction")),
        }
    }

    fn routine(&mut self) -> Result<Op, String> {
        let name = self.word("a routine")?;
        match routine::find(&name) {
            Some(routine) => Ok(Op::Routine(routine)),
            None => self.fail(&format!("`{name}` is no routine")),
        }
    }

    fn mark(&mut self) -> Result<Op, String> {
        let mark: u32 = self.integer()?;
        let Some(count) = mark.checked_add(1) else { return self.fail("a mark that is too large") };
        self.marks = self.marks.max(count);
        Ok(Op::Mark(mark))
    }

    fn check(&mut self) -> Result<CheckKind, String> {
        let name = self.word("`index`, `nonzero`, `step`, `equal` or `assert`")?;
        match name.as_str() {
            "index" => Ok(CheckKind::Index { axis: self.integer()? }),
            "nonzero" => Ok(CheckKind::NonZero),
            "step" => Ok(CheckKind::Step),
            "equal" => match self.peek().clone() {
                Kind::Text(what) => {
                    self.at += 1;
                    Ok(CheckKind::Equal { what })
                }
                _ => self.fail("`equal` says what needs it, as a string"),
            },
            "assert" => match self.peek().clone() {
                Kind::Text(message) => {
                    self.at += 1;
                    Ok(CheckKind::Assert { message: Some(message) })
                }
                _ => Ok(CheckKind::Assert { message: None }),
            },
            _ => {
                self.fail(&format!("`{name}` is no check: there are `index`, `nonzero`, `step`, `equal` and `assert`"))
            }
        }
    }

    /// `true`, `-3`, `0.5`, `-inf`, `nan`, or another NaN by its bits.
    fn constant(&mut self) -> Result<Constant, String> {
        let minus = self.eat('-');
        let sign = if minus { "-" } else { "" };
        let found = self.next();
        let constant = match &found {
            Kind::Word(word) if word == "true" && !minus => Some(Constant::Bool(true)),
            Kind::Word(word) if word == "false" && !minus => Some(Constant::Bool(false)),
            Kind::Word(word) if word == "inf" && minus => Some(Constant::float(f64::NEG_INFINITY)),
            Kind::Word(word) if word == "inf" => Some(Constant::float(f64::INFINITY)),
            Kind::Word(word) if word == "nan" && !minus => Some(self.nan()?),
            Kind::Number(text) if text.contains(['.', 'e']) => {
                format!("{sign}{text}").parse().ok().map(Constant::float)
            }
            Kind::Number(text) => format!("{sign}{text}").parse().ok().map(Constant::Int),
            _ => None,
        };
        constant.map_or_else(|| self.wanted("a constant", &found), Ok)
    }

    fn nan(&mut self) -> Result<Constant, String> {
        let Kind::Text(hex) = self.peek().clone() else { return Ok(Constant::float(f64::NAN)) };
        self.at += 1;
        match u64::from_str_radix(&hex, 16) {
            Ok(bits) if f64::from_bits(bits).is_nan() => Ok(Constant::Float(bits)),
            _ => self.fail("not the bits of a NaN"),
        }
    }

    fn contract(&mut self) -> Result<Op, String> {
        let Kind::Text(text) = self.next() else { return self.fail("expected index notation as in \"ab,bc->ac\"") };
        let parts = text.split_once("->").and_then(|(left, right)| {
            let operands: Option<Vec<Labels>> = left.split(',').map(labels).collect();
            Some(Op::Contract { operands: operands?, result: labels(right)? })
        });
        parts.map_or_else(|| self.fail("not index notation as in \"ab,bc->ac\""), Ok)
    }
}

/// Labels as letters, or numbers between braces.
fn labels(text: &str) -> Option<Labels> {
    let mut labels = Labels::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        labels.push(match c {
            'a'..='z' => c as u8 - b'a',
            'A'..='Z' => c as u8 - b'A' + 26,
            '{' => {
                let (digits, after) = rest.as_str().split_once('}')?;
                rest = after.chars();
                digits.parse().ok()?
            }
            _ => return None,
        });
    }
    Some(labels)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::graph::verify;

    /// Every operator once, as it is printed.
    const EVERY_OP: &str = r#"graph every(x: f64[n, d], W: f64[d, k], p: bool[n], s: f32, i: i64[m]) {
  var a: n
  var a.1: n - k + 1
  %0 = input 0 : f64[n, d]
  %1 = input 1 : f64[d, k]
  %2 = input 2 : bool[n]
  %3 = input 3 : f32
  %4 = input 4 : i64[m]
  %5 = const -0.0 : f64
  %6 = const true : bool
  %7 = const -9223372036854775808 : i64
  %8 = size 2*n*n - 3*k + 1 : i64
  %9 = var a : i64
  %10 = var a.1 : i64
  %11 = iota : i64[2*n]
  %12 = map strong_multiply %0 %0 : f64[n, d]
  %13 = cast %3 : f64
  %14 = reduce sum [0, 1] %12 : f64
  %15 = reduce argmax [1] %12 : i64[n]
  %16 = broadcast [] %14 : f64[3, n]
  %17 = transpose [1, 0] %16 : f64[n, 3]
  %18 = reshape %17 : f64[3*n]
  %19 = slice [0, d - 1] [1, -1] %0 : f64[n, d]
  %20 = place [2, 0] [2, 1] %19 : f64[2*n + 2, d]
  %21 = concat 0 %20 %0 : f64[3*n + 2, d]
  %22 = contract "ab,bc->ac" %0 %1 : f64[n, k]
  %23 = contract ",a->" %14 %18 : f64
  %24 = gather [0] %0 %4 : f64[m, d]
  %25 = scatter_add [0] %4 %24 : f64[n, d]
  %26 = map add %9 %10 : i64
  %27 = build a.1 %26 : i64[n - k + 1]
  %28 = build a %27 : i64[n, n - k + 1]
  %29 = const 3 : i64
  %30 = check index 0 %4 %29 : i64[m]
  %31 = check nonzero %28 : i64[n, n - k + 1]
  %32 = check assert %6 : bool
  %33 = check assert "say \"no\"\n\\ to \u{7}é" %2 : bool[n]
  %34 = mark 4 %1 : f64[d, k]
  %35 = grad %14 %34 : f64[d, k]
  %36 = stop_gradient %35 : f64[d, k]
  %37 = routine argsort %0 : i64[n, d]
  check %30
  check %31
  check %32
  check %33
  return %5 %7 %8 %11 %13 %15 %18 %21 %22 %23 %25 %36 %37
}
"#;

    fn assert_round_trip(graph: &Graph) {
        let printed = graph.to_string();
        let again = parse(&printed).unwrap_or_else(|error| panic!("{error} in\n{printed}"));
        assert_eq!(again.to_string(), printed);
    }

    #[test]
    fn every_operator_comes_back() {
        let graph = parse(EVERY_OP).unwrap();
        assert_eq!(graph.to_string(), EVERY_OP);
        assert_eq!(verify(&graph), Ok(()));
        assert_eq!(graph.mark_count(), 5, "a fresh mark clashes with none that was read");
    }

    #[test]
    fn every_elementwise_operator_and_reduction_has_a_readable_name() {
        for op in elementwise::all() {
            assert_eq!(elementwise::find(op.name), Some(op));
            let operands = " %x".repeat(op.arity);
            let graph = parse(&format!(
                "graph g(x: f64) {{ %x = input 0 : f64 %y = map {}{operands} : f64 return %y }}",
                op.name
            ));
            assert_round_trip(&graph.unwrap());
        }
        for kind in reduction::TABLE {
            let text = format!(
                "graph g(x: f64[n]) {{ %0 = input 0 : f64[n] %1 = reduce {} [0] %0 : f64 return %1 }}",
                kind.name
            );
            assert_round_trip(&parse(&text).unwrap());
        }
        for routine in routine::all() {
            let text = format!("graph g() {{ %0 = routine {} : f64 return %0 }}", routine.name);
            assert_round_trip(&parse(&text).unwrap());
        }
    }

    #[test]
    fn constants_keep_their_bits() {
        let bits = [
            0.1f64.to_bits(),
            (-0.0f64).to_bits(),
            f64::INFINITY.to_bits(),
            f64::NEG_INFINITY.to_bits(),
            f64::NAN.to_bits(),
            (-f64::NAN).to_bits(),
            f64::NAN.to_bits() | 5,
            1,
            f64::MIN_POSITIVE.to_bits(),
            f64::MAX.to_bits(),
            1e16f64.to_bits(),
            1e-7f64.to_bits(),
            f64::from(0.1f32).to_bits(),
        ];
        for bits in bits {
            let mut graph = Graph::new("c");
            let id = graph.add(Op::Const(Constant::Float(bits)), Vec::new(), Type::scalar(DType::F64));
            graph.outputs.push(id);
            assert_round_trip(&graph);
            let again = parse(&graph.to_string()).unwrap();
            assert_eq!(again.node(again.outputs[0]).op, Op::Const(Constant::Float(bits)), "{graph}");
        }
    }

    #[test]
    fn names_clash_with_nothing_and_may_be_strange() {
        let mut graph = Graph::new("loss (by \"x\")");
        let n = Size::var("?n'1");
        let x = graph.add_input("a b", Type::array(DType::F64, vec![n.clone()]));
        let mut outputs = Vec::new();
        for name in ["i", "i", "i.1", "", "var", "0", "i"] {
            let var = graph.new_var(name, n.clone());
            let at = graph.var_value(var);
            let element = graph.gather(x, &[0], &[at]);
            outputs.push(graph.build(var, element));
        }
        graph.outputs = outputs;
        assert_round_trip(&graph);
        assert_eq!(parse(&graph.to_string()).unwrap().vars().len(), 7);
    }

    #[test]
    fn labels_beyond_the_alphabet_are_numbers() {
        let shape: Vec<Size> = (0..60).map(Size::from).collect();
        let mut graph = Graph::new("wide");
        let x = graph.add_input("x", Type::array(DType::F64, shape));
        let all: Labels = (0..60).collect();
        let y = graph.contract(&[(x, all.clone()), (x, all)], &[51, 52, 59, 25, 26]);
        graph.outputs.push(y);
        assert!(graph.to_string().contains("->Z{52}{59}zA\""), "{graph}");
        assert_round_trip(&graph);
        assert_eq!(verify(&graph), Ok(()));
    }

    #[test]
    fn prints_only_what_the_roots_need() {
        let text = "graph g(x: f64, y: f64) { // only y\n %x = input 0 : f64\n %y = input 1 : f64 return %y }";
        let printed = parse(text).unwrap().to_string();
        assert_eq!(printed, "graph g(x: f64, y: f64) {\n  %0 = input 1 : f64\n  return %0\n}\n");
        assert_eq!(parse("graph g() { return }").unwrap().to_string(), "graph g() {\n  return\n}\n");
    }

    #[test]
    fn errors_say_where_and_what() {
        let cases = [
            ("", "1:1: expected `graph`, found the end of the text"),
            ("graph g() { return } x", "1:22: expected the end of the text, found `x`"),
            ("graph g() {\n  %0 = frob : f64\n", "2:8: `frob` is no operator"),
            ("graph g() {\n  %0 = map frob : f64\n", "2:12: `frob` is no elementwise operator"),
            ("graph g() {\n  %0 = reduce frob [0] : f64\n", "2:15: `frob` is no reduction"),
            ("graph g() {\n  %0 = routine frob : f64\n", "2:16: `frob` is no routine"),
            ("graph g() { %1 = mark 0 %0 : f64", "1:25: `%0` is not defined above"),
            ("graph g() { %1 = const 1 : f65", "1:28: `f65` is no element type"),
            ("graph g() { %1 = const 1 : i64 %1 = const 2 : i64", "1:32: `%1` is defined twice"),
            ("graph g() { %1 = const 99999999999999999999 : i64", "1:24: expected a constant"),
            ("graph g() { %1 = input -1 : i64", "1:25: expected a whole number that fits, found `1`"),
            ("graph g() { %1 = build i : i64", "1:24: no index variable `i` is declared"),
            ("graph g() { var i: n var i: n", "1:26: the index variable `i` is declared twice"),
            ("graph g() { var i: n + ", "1:24: expected a size, found the end of the text"),
            ("graph g() { %1 = contract \"ab;c->\" : f64", "1:27: not index notation"),
            ("graph g() { %1 = const nan \"0\" : f64", "1:28: not the bits of a NaN"),
            ("graph \"g", "1:7: a string that does not end"),
            ("graph \"\\q\"", "1:7: an escape that is none of"),
        ];
        for (text, expected) in cases {
            let error = parse(text).map(|graph| graph.to_string()).unwrap_err();
            assert!(error.starts_with(expected), "{text:?} gives {error:?}");
        }
    }
}
