//! Random programs, right in syntax and nonsense in everything else.
//!
//! In: a seed. Out: a text that parses, with comments and line ends wherever the language lets them stand.
//! Always holds: the same seed gives the same text on every machine.

struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) % limit as u64) as usize
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

const NAMES: &[&str] =
    &["a", "b", "x", "y", "W", "n", "k", "grad", "random", "second_moment", "a_rather_long_name_of_a_variable"];
const LITERALS: &[&str] =
    &["1", "0", "1_000", "2.50", "1e-3", ".5", "3.", "true", "false", "\"text # no comment\"", "\"\\\"é\\n\"", "7"];
/// Operators with the ranks of their left and right operands and of themselves, as in the grammar.
const OPERATORS: &[(&str, usize, usize, usize)] = &[
    ("or", 1, 2, 1),
    ("and", 2, 3, 2),
    ("==", 5, 5, 4),
    ("!=", 5, 5, 4),
    ("<", 5, 5, 4),
    ("<=", 5, 5, 4),
    (">", 5, 5, 4),
    (">=", 5, 5, 4),
    ("+", 5, 6, 5),
    ("-", 5, 6, 5),
    ("+", 5, 6, 5),
    ("*", 6, 7, 6),
    ("/", 6, 7, 6),
    ("//", 6, 7, 6),
    ("%", 6, 7, 6),
    ("@", 6, 7, 6),
    ("*", 6, 7, 6),
    ("^", 9, 7, 8),
];

/// A text while it is being made.
struct Writer {
    random: Random,
    out: String,
    /// For each open bracket, whether line ends are spaces in it.
    open: Vec<bool>,
    comments: usize,
}

/// A program of a few items.
pub fn program(seed: u64) -> String {
    let random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut writer = Writer { random, out: String::new(), open: Vec::new(), comments: 0 };
    for _ in 0..8 {
        writer.random.below(2);
    }
    for _ in 0..1 + writer.random.below(8) {
        writer.item();
        writer.separator();
    }
    writer.out
}

impl Writer {
    fn put(&mut self, text: &str) {
        self.out.push_str(text);
    }

    fn comment(&mut self) {
        self.comments += 1;
        let tail = ["", " ", " of some length, so that the line that it stands on becomes rather long in the end"];
        let tail = self.random.pick(&tail);
        self.out.push_str(&format!("#{}c{}{tail}\n", " ".repeat(self.comments % 3), self.comments));
    }

    /// A space, where the language may let a line end: always, or in brackets only.
    fn gap(&mut self, always: bool) {
        if always || self.open.last() == Some(&true) {
            for _ in 0..3 {
                match self.random.below(24) {
                    0 => self.comment(),
                    1 => self.put("\n"),
                    2 => self.put("\n\n  "),
                    _ => break,
                }
            }
        }
        self.put(" ");
    }

    fn word(&mut self, word: &str) {
        self.put(word);
        self.gap(false);
    }

    /// A word behind which a line may end.
    fn carry(&mut self, word: &str) {
        self.put(word);
        self.gap(true);
    }

    fn enter(&mut self, bracket: &str) {
        self.put(bracket);
        self.open.push(bracket != "{");
        self.gap(bracket == "{");
    }

    fn leave(&mut self, bracket: &str) {
        self.gap(false);
        self.open.pop();
        self.put(bracket);
    }

    fn separator(&mut self) {
        match self.random.below(8) {
            0 => self.put(";"),
            1 => self.put(" ; \n"),
            2 => {
                self.put("  ");
                self.comment();
            }
            3 => self.put("\n\n\n"),
            4 => {
                self.put("\n\n");
                self.comment();
                self.comment();
            }
            5 => {
                self.put("; ");
                self.comment();
            }
            _ => self.put("\n"),
        }
    }

    fn name(&mut self) -> &'static str {
        self.random.pick(NAMES)
    }

    /// Zero or more, with commas; sometimes a comma behind the last.
    fn several(&mut self, least: usize, most: usize, mut one: impl FnMut(&mut Writer)) {
        let count = least + self.random.below(most - least + 1);
        for index in 0..count {
            one(self);
            self.gap(false);
            if index + 1 < count || self.random.one_in(4) {
                self.carry(",");
            }
        }
    }

    fn item(&mut self) {
        match self.random.below(10) {
            0 => self.put("import \"other.tome\""),
            1 => {
                let name = self.name();
                self.put(&format!("input  {name} : "));
                self.ty(2);
            }
            2..=4 => self.function(),
            _ => self.statement(3),
        }
    }

    fn function(&mut self) {
        let name = self.name();
        self.put(&format!("fn {name}"));
        self.enter("(");
        self.several(0, 5, |writer| {
            let name = writer.name();
            writer.word(name);
            writer.word(":");
            writer.ty(2);
        });
        self.leave(")");
        self.gap(false);
        if self.random.one_in(2) {
            self.carry("->");
            self.ty(2);
        }
        if self.random.one_in(3) {
            let text = if self.random.one_in(2) { "\n  " } else { " " };
            self.put(text);
            self.put("where ");
            self.clause();
            for _ in 0..self.random.below(3) {
                self.carry(",");
                self.clause();
            }
        }
        self.gap(true);
        if self.random.one_in(2) {
            self.carry("=");
            self.expression(3, 0);
        } else {
            self.block(3);
        }
    }

    fn clause(&mut self) {
        match self.random.below(3) {
            0 => self.put(" independent(n)"),
            kind => {
                self.put(if kind == 1 { " time O" } else { " memory O" });
                self.enter("(");
                self.expression(2, 0);
                self.leave(")");
            }
        }
    }

    fn ty(&mut self, depth: usize) {
        match self.random.below(if depth == 0 { 2 } else { 5 }) {
            0 => self.put("f64"),
            1 | 2 => {
                self.put("f32");
                self.enter("[");
                self.several(1, 3, |writer| writer.size(2));
                self.leave("]");
            }
            3 => {
                self.enter("(");
                self.ty(depth - 1);
                self.carry(",");
                self.several(1, 2, |writer| writer.ty(depth - 1));
                self.leave(")");
            }
            _ => {
                self.put("list");
                self.enter("[");
                self.ty(depth - 1);
                self.leave("]");
            }
        }
    }

    fn size(&mut self, depth: usize) {
        match self.random.below(if depth == 0 { 3 } else { 6 }) {
            0 => self.put("?"),
            1 => self.put("1_0"),
            2 => self.put("n"),
            3 => {
                self.enter("(");
                self.size(depth - 1);
                self.leave(")");
            }
            _ => {
                self.size(depth - 1);
                self.gap(false);
                let op = self.random.pick(&["+", "-", "*"]);
                self.carry(op);
                self.size(depth - 1);
            }
        }
    }

    fn block(&mut self, depth: usize) {
        self.enter("{");
        let count = self.random.below(4);
        for index in 0..count {
            self.statement(depth.saturating_sub(1));
            if index + 1 < count || self.random.one_in(2) {
                self.separator();
            }
        }
        self.put(" ");
        self.open.pop();
        self.put("}");
    }

    fn pattern(&mut self, depth: usize) {
        if depth == 0 || self.random.below(3) > 0 {
            let name = self.name();
            return self.put(name);
        }
        self.enter("(");
        self.pattern(depth - 1);
        if self.random.below(4) > 0 {
            self.carry(",");
            self.several(1, 2, |writer| writer.pattern(depth - 1));
        }
        self.leave(")");
    }

    fn statement(&mut self, depth: usize) {
        match self.random.below(if depth == 0 { 8 } else { 11 }) {
            0 | 1 => {
                self.put("let ");
                self.pattern(2);
                self.put(" ");
                self.carry("=");
                self.expression(4, 0);
            }
            2 => {
                let name = self.name();
                self.put(&format!("var {name} "));
                self.carry("=");
                self.expression(3, 0);
            }
            3 | 4 => {
                let name = self.name();
                self.put(name);
                if self.random.one_in(2) {
                    self.subscript(2);
                }
                let op = self.random.pick(&["=", "+=", "-=", "*=", "/="]);
                self.put(" ");
                self.carry(op);
                self.expression(3, 0);
            }
            5 => {
                let word = self.random.pick(&["break", "continue", "return"]);
                self.put(word);
                if word == "return" && self.random.one_in(2) {
                    self.put(" ");
                    self.expression(3, 0);
                }
            }
            6 => {
                self.put("assert ");
                self.expression(3, 0);
                if self.random.one_in(2) {
                    self.carry(",");
                    self.put("\"why # not\"");
                }
            }
            7 => self.expression(4, 0),
            8 => {
                self.put("for ");
                self.pattern(2);
                self.put(" ");
                self.carry("in");
                self.iterable(2);
                self.gap(true);
                self.block(depth);
            }
            9 => {
                self.put("while ");
                self.expression(2, 1);
                self.gap(true);
                self.block(depth);
            }
            _ => self.conditional(depth),
        }
    }

    fn conditional(&mut self, depth: usize) {
        self.put("if ");
        self.expression(2, 1);
        self.gap(true);
        self.block(depth);
        if self.random.below(3) > 0 {
            self.gap(true);
            self.carry("else");
            if depth > 0 && self.random.one_in(3) {
                self.conditional(depth - 1);
            } else {
                self.block(depth);
            }
        }
    }

    fn iterable(&mut self, depth: usize) {
        self.expression(depth, 1);
        if self.random.below(3) > 0 {
            let text = if self.random.one_in(2) { ":" } else { " : " };
            self.put(text);
            self.expression(depth, 1);
            if self.random.one_in(3) {
                self.word(":");
                self.expression(1, 1);
            }
        }
    }

    /// An expression of at least a rank (the grammar's nonterminals from 0), in parentheses if it is looser, or so.
    fn expression(&mut self, depth: usize, rank: usize) {
        let kind = self.random.below(if depth == 0 { 6 } else { 30 });
        let operator = self.random.pick(OPERATORS);
        let own = match kind {
            0..=5 => 10,
            6..=14 => operator.3,
            15 => 7,
            16 => 3,
            17..=22 => 9,
            23..=24 => 0,
            _ => 10,
        };
        let parentheses = own < rank || self.random.one_in(8);
        if parentheses {
            self.enter("(");
        }
        self.form(kind, depth.saturating_sub(1), operator);
        if parentheses {
            self.leave(")");
        }
    }

    fn form(&mut self, kind: usize, depth: usize, (op, left, right, _): (&str, usize, usize, usize)) {
        match kind {
            0..=2 => {
                let name = self.name();
                self.put(name);
            }
            3..=5 => {
                let literal = self.random.pick(LITERALS);
                self.put(literal);
            }
            6..=14 => {
                self.expression(depth, left);
                self.gap(false);
                self.carry(op);
                self.expression(depth, right);
            }
            15 => {
                self.put("-");
                self.expression(depth, 7);
            }
            16 => {
                self.carry("not");
                self.expression(depth, 3);
            }
            17..=19 => self.call(depth),
            20 | 21 => {
                self.expression(depth, 9);
                self.subscript(depth);
            }
            22 => {
                self.put("(");
                self.expression(depth, 0);
                self.put(").");
                let field = self.random.pick(&["T", "params", "in", "where"]);
                self.put(field);
            }
            23 => {
                self.parameters();
                self.put(" ");
                self.carry("->");
                self.expression(depth, 0);
            }
            24 => self.conditional(depth.min(2)),
            25 => {
                self.enter("(");
                self.expression(depth, 0);
                self.carry(",");
                self.several(1, 3, |writer| writer.expression(depth, 0));
                self.leave(")");
            }
            26 | 27 => {
                self.enter("[");
                self.several(0, 6, |writer| writer.expression(depth, 0));
                self.leave("]");
            }
            28 => {
                self.enter("[");
                let count = 1 + self.random.below(30);
                self.several(count, count, |writer| writer.expression(0, 0));
                self.leave("]");
            }
            _ => {
                self.enter("[");
                self.expression(depth, 0);
                self.generators(depth);
                self.leave("]");
            }
        }
    }

    fn parameters(&mut self) {
        if self.random.one_in(2) {
            let name = self.name();
            return self.put(name);
        }
        self.enter("(");
        self.pattern(1);
        if self.random.below(4) > 0 {
            self.carry(",");
            self.several(1, 2, |writer| writer.pattern(1));
        }
        self.leave(")");
    }

    fn generators(&mut self, depth: usize) {
        self.gap(false);
        self.word("for");
        for index in 0..1 + self.random.below(3) {
            if index > 0 {
                self.carry(",");
            }
            self.pattern(1);
            self.gap(false);
            self.word("in");
            self.iterable(depth.min(2));
        }
    }

    fn call(&mut self, depth: usize) {
        self.expression(depth.min(1), 9);
        self.enter("(");
        let generated = self.random.one_in(4);
        if generated {
            self.expression(depth, 0);
            self.generators(depth);
        } else {
            let count = self.random.below(5);
            for index in 0..count {
                self.expression(depth, 0);
                self.gap(false);
                if index + 1 < count {
                    self.carry(",");
                }
            }
            if count == 0 {
                return self.leave(")");
            }
        }
        if self.random.one_in(4) {
            self.carry(",");
            self.put("axis");
            self.gap(false);
            self.carry("=");
            self.expression(depth, 0);
            if self.random.one_in(3) {
                self.carry(",");
            }
        }
        self.leave(")");
    }

    fn subscript(&mut self, depth: usize) {
        self.enter("[");
        self.several(1, 3, |writer| match writer.random.below(4) {
            0 => {
                for _ in 0..1 + writer.random.below(2) {
                    if writer.random.one_in(2) {
                        writer.expression(depth.min(2), 1);
                    }
                    writer.word(":");
                }
                if writer.random.one_in(2) {
                    writer.expression(depth.min(2), 1);
                }
            }
            _ => writer.expression(depth.min(2), 0),
        });
        self.leave("]");
    }
}
