// SPDX-License-Identifier: Apache-2.0
//! How often a function names each identifier, and what it does with it.

use std::collections::HashMap;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Block, Expr, Macro};

use crate::prove::place;

/// Counts by name.
#[derive(Debug, Default)]
pub(super) struct Counts {
    uses: Tally,
    declared: Tally,
    written: Tally,
    put_back: Tally,
}

type Tally = HashMap<String, usize>;

impl Counts {
    pub(super) fn of(block: &Block) -> Self {
        let mut counts = Self::default();
        counts.visit_block(block);
        counts
    }

    /// Occurrences of any kind, also in macros and format strings.
    pub(super) fn uses(&self, name: &str) -> usize {
        of(&self.uses, name)
    }

    /// Occurrences in a pattern.
    pub(super) fn declared(&self, name: &str) -> usize {
        of(&self.declared, name)
    }

    /// Assignments of the function's result to the state that it was given.
    pub(super) fn put_back(&self, name: &str) -> usize {
        of(&self.put_back, name)
    }

    /// Whether it is assigned to, borrowed mutably or declared `mut`. Judged by name alone, so a
    /// shadowed variable of the same name counts too.
    pub(super) fn is_written(&self, name: &str) -> bool {
        of(&self.written, name) > 0
    }

    fn words(&mut self, tokens: &TokenStream) {
        for token in tokens.clone() {
            match token {
                TokenTree::Ident(ident) => add(&mut self.uses, ident.to_string()),
                TokenTree::Group(group) => self.words(&group.stream()),
                // A format string can name any variable.
                TokenTree::Literal(literal) => {
                    let text = literal.to_string();
                    let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
                    words.for_each(|word| add(&mut self.uses, word.to_owned()));
                }
                TokenTree::Punct(_) => {}
            }
        }
    }
}

impl<'ast> Visit<'ast> for Counts {
    fn visit_ident(&mut self, ident: &'ast proc_macro2::Ident) {
        add(&mut self.uses, ident.to_string());
    }

    fn visit_pat_ident(&mut self, pattern: &'ast syn::PatIdent) {
        add(&mut self.declared, pattern.ident.to_string());
        if pattern.mutability.is_some() {
            add(&mut self.written, pattern.ident.to_string());
        }
        visit::visit_pat_ident(self, pattern);
    }

    fn visit_expr_reference(&mut self, reference: &'ast syn::ExprReference) {
        if reference.mutability.is_some()
            && let Some(name) = root(&reference.expr)
        {
            add(&mut self.written, name);
        }
        visit::visit_expr_reference(self, reference);
    }

    fn visit_expr_assign(&mut self, assign: &'ast syn::ExprAssign) {
        if let Some(name) = root(&assign.left) {
            if let Expr::Call(call) = &*assign.right
                && call.args.len() == 5
                && call.args.first().and_then(|state| root(place(state))).as_ref() == Some(&name)
            {
                add(&mut self.put_back, name.clone());
            }
            add(&mut self.written, name);
        }
        visit::visit_expr_assign(self, assign);
    }

    fn visit_macro(&mut self, mac: &'ast Macro) {
        self.words(&mac.tokens);
    }
}

/// The variable that a place belongs to.
pub(super) fn root(place: &Expr) -> Option<String> {
    match place {
        Expr::Path(path) => path.path.get_ident().map(ToString::to_string),
        Expr::Index(index) => root(&index.expr),
        _ => None,
    }
}

fn add(tally: &mut Tally, name: String) {
    *tally.entry(name).or_default() += 1;
}

fn of(tally: &Tally, name: &str) -> usize {
    tally.get(name).copied().unwrap_or_default()
}
