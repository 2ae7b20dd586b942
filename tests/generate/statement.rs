//! Items, types and statements of random programs.
//!
//! In: what is left of the depth. Out: text.
//! Always holds: a body is a block or `= e`, and a separator stands between any two statements.

use super::Writer;

impl Writer {
    pub(super) fn item(&mut self) {
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

    pub(super) fn function(&mut self) {
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

    pub(super) fn clause(&mut self) {
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

    pub(super) fn ty(&mut self, depth: usize) {
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

    pub(super) fn size(&mut self, depth: usize) {
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

    pub(super) fn block(&mut self, depth: usize) {
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

    pub(super) fn pattern(&mut self, depth: usize) {
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

    pub(super) fn statement(&mut self, depth: usize) {
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

    pub(super) fn conditional(&mut self, depth: usize) {
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
}
