//! Expressions of random programs.
//!
//! In: what is left of the depth, and the rank that the grammar asks for. Out: text.
//! Always holds: what is looser than that rank stands in parentheses; so do other things, now and then.

use super::Writer;

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

impl Writer {
    pub(super) fn iterable(&mut self, depth: usize) {
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
    pub(super) fn expression(&mut self, depth: usize, rank: usize) {
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

    pub(super) fn form(&mut self, kind: usize, depth: usize, (op, left, right, _): (&str, usize, usize, usize)) {
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

    pub(super) fn parameters(&mut self) {
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

    pub(super) fn generators(&mut self, depth: usize) {
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

    pub(super) fn call(&mut self, depth: usize) {
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

    pub(super) fn subscript(&mut self, depth: usize) {
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
