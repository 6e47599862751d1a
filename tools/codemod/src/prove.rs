// SPDX-License-Identifier: Apache-2.0
//! Proves that a call can become the method: its instance, route and measurement are known, and no
//! code needs the state that it returned.

use syn::{Expr, ExprCall, ExprLit, Lit};

use crate::scope::{Meaning, Scopes};

/// What the caller knows and no file says.
#[derive(clap::Args, Clone, Debug, Default)]
pub(crate) struct Told {
    /// An expression for the instance that is valid wherever no `Atrion` is in scope, such as
    /// `crate::atrion()`.
    #[arg(long, value_name = "EXPR")]
    pub(crate) instance: Option<String>,
    /// The name of the route for states that are not kept by route.
    #[arg(long, value_name = "NAME")]
    pub(crate) route: Option<String>,
}

/// What the surrounding code does with the result of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    /// Drops it.
    Dropped,
    /// Reads a field that the result of the method has too.
    Field,
    /// Assigns it to the place that the state came from.
    PutBack,
    /// Anything else.
    Kept,
}

/// The text of the method call, or the reason why there is none.
pub(super) fn method(
    call: &ExprCall,
    fate: &Fate,
    scopes: &Scopes,
    fields: &[String],
    told: &Told,
    text: impl Fn(&Expr) -> String,
) -> Result<String, String> {
    let [state, pressure, ..] = &Vec::from_iter(&call.args)[..] else {
        return Err("it has other arguments than the function of version 1".into());
    };
    if call.args.len() != 5 {
        return Err("it has other arguments than the function of version 1".into());
    }
    if *fate == Fate::Kept {
        return Err(
            "its result is the state, which lives inside of the instance now: read a RouteSnapshot".into()
        );
    }
    let (telemetry, handling) = measurement(pressure, scopes, &text)
        .ok_or("the method takes the Telemetry that this pressure was made of")?;
    let route = route(state, scopes, told, &text).ok_or("the method wants the name of the route")?;
    let instance = instance(scopes, fields, told)?;
    Ok(format!("{instance}.update_physics({route}, {telemetry}){handling}"))
}

fn instance(scopes: &Scopes, fields: &[String], told: &Told) -> Result<String, String> {
    let mut found = scopes.instances();
    if found.is_empty() {
        found.extend(fields.iter().map(|field| format!("self.{field}")));
    }
    match (&found[..], &told.instance) {
        ([one], _) => Ok(one.clone()),
        ([], Some(told)) => Ok(told.clone()),
        ([], None) => Err("there is no Atrion instance in scope: pass one in".into()),
        (several, _) => {
            Err(format!("there are several instances in scope ({}): choose one", several.join(", ")))
        }
    }
}

/// The telemetry that a pressure is made of, and how the error of making it is handled.
fn measurement(
    pressure: &Expr,
    scopes: &Scopes,
    text: &impl Fn(&Expr) -> String,
) -> Option<(String, String)> {
    if let Expr::Path(path) = pressure
        && let Some(name) = path.path.get_ident()
        && let Some(Meaning::Pressure { telemetry, handling }) = scopes.name(&name.to_string())
    {
        return Some((telemetry.clone(), handling.clone()));
    }
    made_of(pressure, text).map(|(telemetry, handling)| (text(telemetry), handling))
}

/// Takes `Pressure::of(TELEMETRY, ..)` apart, followed by `?`, `unwrap` or `expect`. The method
/// fails in the same cases with the same error type, so the handling stays.
pub(super) fn made_of<'e>(pressure: &'e Expr, text: &impl Fn(&Expr) -> String) -> Option<(&'e Expr, String)> {
    let (inner, handling) = match pressure {
        Expr::Try(tried) => (&*tried.expr, String::from("?")),
        Expr::MethodCall(call) if call.method == "unwrap" || call.method == "expect" => {
            let arguments: Vec<_> = call.args.iter().map(text).collect();
            (&*call.receiver, format!(".{}({})", call.method, arguments.join(", ")))
        }
        _ => return None,
    };
    let Expr::Call(call) = inner else { return None };
    let Expr::Path(path) = &*call.func else { return None };
    let last: Vec<_> =
        path.path.segments.iter().rev().take(2).map(|segment| segment.ident.to_string()).collect();
    (last == ["of", "Pressure"] && call.args.len() == 3).then(|| (&call.args[0], handling))
}

/// The route of a state that is kept by name: `states["checkout"]`, `states[&name]`, or
/// `states[name]` where `name` is a string.
fn route(state: &Expr, scopes: &Scopes, told: &Told, text: &impl Fn(&Expr) -> String) -> Option<String> {
    let place = place(state);
    let Expr::Index(index) = place else { return told.route.as_ref().map(|route| format!("{route:?}")) };
    match &*index.index {
        Expr::Lit(ExprLit { lit: Lit::Str(_), .. }) => Some(text(&index.index)),
        key => {
            let name = match key {
                Expr::Reference(reference) => &*reference.expr,
                other => other,
            };
            let Expr::Path(path) = name else { return None };
            let is_text = scopes.name(&path.path.get_ident()?.to_string()) == Some(&Meaning::Text);
            is_text.then(|| text(key))
        }
    }
}

/// The expression under any borrows and parentheses.
pub(super) fn place(expr: &Expr) -> &Expr {
    match expr {
        Expr::Reference(reference) => place(&reference.expr),
        Expr::Paren(paren) => place(&paren.expr),
        _ => expr,
    }
}
