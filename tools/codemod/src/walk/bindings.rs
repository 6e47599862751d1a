// SPDX-License-Identifier: Apache-2.0
//! What the names that a pattern binds mean: an instance, a string, a pressure, or something else
//! that hides an outer name.

use syn::visit::{self, Visit};
use syn::{Expr, Pat, Type};

use super::Walk;
use crate::prove::made_of;
use crate::scope::Meaning;

impl Walk<'_> {
    /// Binds the names of a pattern. The type or the initial value tells an instance, a string or a
    /// pressure; any other value hides the outer name.
    pub(super) fn pattern(&mut self, pattern: &Pat, ty: Option<&Type>, init: Option<&Expr>) {
        match pattern {
            Pat::Type(typed) => self.pattern(&typed.pat, Some(&typed.ty), init),
            Pat::Ident(ident) if ident.subpat.is_none() => {
                let meaning = self.value(ty, init);
                self.scopes.bind(ident.ident.to_string(), meaning);
            }
            other => {
                let mut names = Names::default();
                names.visit_pat(other);
                names.0.into_iter().for_each(|name| self.scopes.bind(name, Meaning::Other));
            }
        }
    }

    fn value(&self, ty: Option<&Type>, init: Option<&Expr>) -> Meaning {
        if let Some(ty) = ty {
            if self.scopes.is_instance(ty) {
                return Meaning::Instance;
            }
            if is_text(ty) {
                return Meaning::Text;
            }
        }
        let Some(init) = init else { return Meaning::Other };
        if self.makes_instance(init) {
            return Meaning::Instance;
        }
        match (init, made_of(init, &|expr| self.source(expr))) {
            (Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(_), .. }), _) => Meaning::Text,
            // A variable that is never written to holds the same measurement later. Another
            // expression may not.
            (_, Some((telemetry @ Expr::Path(path), handling))) => match path.path.get_ident() {
                Some(name) if !self.counts.is_written(&name.to_string()) => {
                    Meaning::Pressure { telemetry: self.source(telemetry), handling }
                }
                _ => Meaning::Other,
            },
            _ => Meaning::Other,
        }
    }

    /// `Atrion::builder()..connect()`, awaited and unwrapped in any way.
    fn makes_instance(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Await(waits) => self.makes_instance(&waits.base),
            Expr::Try(tried) => self.makes_instance(&tried.expr),
            Expr::MethodCall(call) => {
                let connects = call.method == "connect";
                let unwraps = matches!(call.method.to_string().as_str(), "unwrap" | "expect" | "clone");
                (connects && self.builds(&call.receiver)) || (unwraps && self.makes_instance(&call.receiver))
            }
            Expr::Path(path) => path
                .path
                .get_ident()
                .is_some_and(|name| self.scopes.name(&name.to_string()) == Some(&Meaning::Instance)),
            Expr::Reference(reference) => self.makes_instance(&reference.expr),
            _ => false,
        }
    }

    fn builds(&self, expr: &Expr) -> bool {
        match expr {
            Expr::MethodCall(call) => self.builds(&call.receiver),
            Expr::Call(call) => {
                let Expr::Path(path) = &*call.func else { return false };
                let mut ty = path.path.clone();
                let Some(last) = ty.segments.pop() else { return false };
                ty.segments.pop_punct();
                last.ident == "builder" && self.scopes.path(&ty) == Meaning::InstanceType
            }
            _ => false,
        }
    }
}

/// The names that a pattern binds.
#[derive(Default)]
struct Names(Vec<String>);

impl<'ast> Visit<'ast> for Names {
    fn visit_pat_ident(&mut self, pattern: &'ast syn::PatIdent) {
        self.0.push(pattern.ident.to_string());
        visit::visit_pat_ident(self, pattern);
    }
}

/// `&str`, `String`, `&String`.
fn is_text(ty: &Type) -> bool {
    match ty {
        Type::Reference(reference) => {
            matches!(&*reference.elem, Type::Path(path) if path.path.is_ident("str") || path.path.is_ident("String"))
        }
        _ => false,
    }
}
