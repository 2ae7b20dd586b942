//! Functions, imports and inputs.
//!
//! In: items of the tree. Out: documents.
//! Always holds: the body keeps its form, `= e` or a block; a contract that does not fit beside the head has its own line.

use super::brackets::Brackets;
use super::compact::Close;
use super::layout::{Doc, group, indent, line, many, text};
use super::text::Printer;
use crate::syntax::ast::*;

impl Printer<'_> {
    /// `fn name(…) -> type where … { … }`.
    pub fn function(&mut self, f: &Function) -> Doc {
        let opener = self.source.next_token(f.name.span.end);
        let show = |printer: &mut Self, param: &Param| {
            text(match &param.ty {
                Some(ty) => format!("{}: {}", param.name.text, printer.ty(ty)),
                None => param.name.text.clone(),
            })
        };
        let params = self.list(&Brackets::round(opener), &f.params, |_, param| param.name.span.start, show);
        let mut head = vec![text(format!("fn {}", f.name.text)), params];
        if let Some(result) = &f.result {
            head.push(text(format!(" -> {}", self.ty(result))));
        }
        let head = many(head);
        let braced = self.source.between(f.body.span.start, f.body.span.end).starts_with('{');
        match f.body.statements.as_slice() {
            [Statement { kind: StatementKind::Expr(e), .. }] if !braced => self.equation(head, &f.contract, e),
            _ => self.procedure(head, &f.contract, &f.body),
        }
    }

    fn procedure(&mut self, head: Doc, contract: &[Clause], body: &Block) -> Doc {
        let head = match contract {
            [] => many([head, text(" ")]),
            _ => {
                let contract = indent(many([line(), self.contract(contract)]));
                group(many([head, contract, line()]))
            }
        };
        many([head, self.block(body, true)])
    }

    fn equation(&mut self, head: Doc, contract: &[Clause], e: &Expr) -> Doc {
        if contract.is_empty() {
            return self.bound(many([head, text(" =")]), e);
        }
        let contract = self.contract(contract);
        let gap = self.gap(self.source.start(e), line());
        let value = self.value(e);
        group(many([head, indent(many([line(), contract, text(" ="), gap, value]))]))
    }

    fn contract(&mut self, clauses: &[Clause]) -> Doc {
        let mut parts = vec![text("where ")];
        for (index, clause) in clauses.iter().enumerate() {
            if index > 0 {
                parts.extend([text(","), self.gap(clause.span.start, line())]);
            }
            parts.extend(match &clause.kind {
                ClauseKind::Time(e) => [text("time O("), self.compact(e, Close::Products), text(")")],
                ClauseKind::Memory(e) => [text("memory O("), self.compact(e, Close::Products), text(")")],
                ClauseKind::Independent(name) => [text("independent("), text(&name.text), text(")")],
            });
        }
        group(indent(many(parts)))
    }

    /// `import "path"`.
    pub fn import(&self, import: &Import) -> Doc {
        text(format!("import {}", self.source.last_word(import.span.end)))
    }

    /// `input x: f64[n]`.
    pub fn input(&self, input: &Input) -> Doc {
        text(format!("input {}: {}", input.name.text, self.ty(&input.ty)))
    }
}
