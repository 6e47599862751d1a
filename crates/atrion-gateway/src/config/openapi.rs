// SPDX-License-Identifier: Apache-2.0
//! Routes from an OpenAPI document (versions 2 and 3), as JSON: one for each operation.

use http::Method;
use serde_json::Value;

use super::RouteRule;
use crate::template::{Template, TemplateError};

/// Why a document gives no routes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenApiError {
    /// It is no JSON.
    #[error("is not JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// It has no paths.
    #[error("has no object `paths`")]
    Paths,
    /// A path is no template. Places that are part of a segment are none.
    #[error("the path `{path}` is no template: {source}")]
    Template {
        /// The path, with its method.
        path: String,
        /// Why.
        source: TemplateError,
    },
}

/// The operations of a document. The paths are below `basePath` of version 2, or below the path of
/// the first of the `servers` of version 3.
pub(super) fn operations(document: &str) -> Result<Vec<Template>, OpenApiError> {
    let document: Value = serde_json::from_str(document)?;
    let paths = document.get("paths").and_then(Value::as_object).ok_or(OpenApiError::Paths)?;
    let base = base(&document);
    let mut found = Vec::new();
    for (path, item) in paths {
        for method in METHODS.iter().filter(|method| item.get(method.as_str().to_ascii_lowercase()).is_some())
        {
            let text = format!("{method} {base}{path}");
            match Template::parse(&text) {
                Ok(template) => found.push(template),
                Err(source) => return Err(OpenApiError::Template { path: text, source }),
            }
        }
    }
    Ok(found)
}

const METHODS: [Method; 8] = [
    Method::GET,
    Method::PUT,
    Method::POST,
    Method::DELETE,
    Method::OPTIONS,
    Method::HEAD,
    Method::PATCH,
    Method::TRACE,
];

fn base(document: &Value) -> &str {
    let server = document.pointer("/servers/0/url").and_then(Value::as_str);
    let base = server.or_else(|| document.get("basePath").and_then(Value::as_str)).unwrap_or_default();
    let path = match base.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("", |begin| &rest[begin..]),
        None => base,
    };
    path.trim_end_matches('/')
}

/// Adds a rule for each operation that no rule of the file names.
pub(super) fn add(routes: &mut Vec<RouteRule>, operations: Vec<Template>) {
    let mut known = crate::template::Templates::default();
    for (number, rule) in routes.iter().enumerate() {
        // No two of the file are the same.
        let _ = known.insert(&rule.template, number);
    }
    for template in operations {
        if known.insert(&template, routes.len()).is_ok() {
            routes.push(RouteRule::named(template));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(document: &str) -> Vec<String> {
        operations(document).unwrap().iter().map(Template::to_string).collect()
    }

    #[test]
    fn each_operation_is_a_route_below_the_server() {
        let paths =
            r#""paths": {"/carts/{cart}": {"get": {}, "put": {}, "parameters": []}, "/": {"post": {}}}"#;
        let below = |base: &str| names(&format!("{{{base} {paths}}}"));
        let wanted = ["POST /v2/", "GET /v2/carts/{cart}", "PUT /v2/carts/{cart}"];
        assert_eq!(
            below(r#""openapi": "3.1.0", "servers": [{"url": "https://a.example:8080/v2/"}],"#),
            wanted
        );
        assert_eq!(below(r#""swagger": "2.0", "basePath": "/v2","#), wanted);
        assert_eq!(below("")[0], "POST /");
        assert_eq!(below(r#""servers": [{"url": "https://a.example"}],"#)[0], "POST /");
    }

    #[test]
    fn what_gives_no_routes_says_why() {
        let why = |document: &str| operations(document).unwrap_err().to_string();
        assert!(why("openapi: 3.1.0").starts_with("is not JSON: "));
        assert_eq!(why("{}"), "has no object `paths`");
        let odd = why(r#"{"paths": {"/files/{name}.pdf": {"get": {}}}}"#);
        assert!(odd.starts_with("the path `GET /files/{name}.pdf` is no template: "), "{odd}");
    }
}
