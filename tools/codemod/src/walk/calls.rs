// SPDX-License-Identifier: Apache-2.0
//! A call of the function: replaced by the call of the method, or noted with the reason.

use proc_macro2::{TokenStream, TokenTree};
use syn::{Expr, ExprCall};

use super::counts::root;
use super::{Walk, range};
use crate::edit::Edit;
use crate::prove::{Fate, method, place};
use crate::scope::Meaning;

impl Walk<'_> {
    pub(super) fn call(&mut self, call: &ExprCall) {
        let at = range(call);
        let (mut fate, place) = self.fates.remove(&at.start).unwrap_or((Fate::Kept, at.clone()));
        if fate == Fate::PutBack && !self.is_only_put_back(call) {
            fate = Fate::Kept;
        }
        let text = |expr: &Expr| self.source(expr);
        match method(call, &fate, &self.scopes, &self.own_fields, self.told, text) {
            Ok(with) => self.edits.push(Edit::Replace { at: place, with }),
            Err(reason) => self.note(&reason),
        }
    }

    /// Whether only the calls that replace a state read it: the function names it once at its
    /// declaration, and twice for each such call.
    fn is_only_put_back(&self, call: &ExprCall) -> bool {
        let Some(state) = call.args.first() else { return false };
        let Some(name) = root(place(state)) else { return false };
        self.counts.uses(&name) == 2 * self.counts.put_back(&name) + self.counts.declared(&name)
    }

    /// Whether the tokens hold a name that means the function here.
    pub(super) fn mentions(&self, tokens: &TokenStream) -> bool {
        tokens.clone().into_iter().any(|token| match token {
            TokenTree::Group(group) => self.mentions(&group.stream()),
            TokenTree::Ident(ident) => {
                let name = ident.to_string();
                match self.scopes.name(&name) {
                    Some(meaning) => *meaning == Meaning::Function,
                    None => name == "update_physics",
                }
            }
            _ => false,
        })
    }
}
