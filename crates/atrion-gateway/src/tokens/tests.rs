// SPDX-License-Identifier: Apache-2.0

use atrion::Tier;
use http::HeaderValue;
use serde_json::json;

use super::*;

use crate::issuer::{Issuer, claims, encoded, now, set};

fn settings(header: HeaderName) -> Jwt {
    Jwt {
        keys: "keys".into(),
        issuer: "https://id".to_owned(),
        audience: Some("shop".to_owned()),
        header,
        tier: None,
        ceiling: Tier::Critical,
    }
}

fn ordinary() -> Value {
    claims("plan", "paid")
}

fn tokens(keys: &str, header: HeaderName) -> Tokens {
    signatures::install();
    Tokens { header: header.clone(), keys: keys::of_text(&settings(header), keys).unwrap() }
}

#[test]
fn a_token_is_believed_if_all_of_it_is_right() {
    let issuer = Issuer::new();
    let tokens = tokens(&set(&[issuer.jwk("a")]), AUTHORIZATION);
    let verify = |token: String| tokens.verify(token.as_bytes()).map(|claims| claims["plan"].clone());
    let header = || json!({"alg": "ES256", "kid": "a"});
    let right = issuer.sign(&header(), &ordinary());
    assert_eq!(verify(right.clone()), Ok("paid".into()));
    assert_eq!(verify(issuer.sign(&json!({"alg": "ES256"}), &ordinary())), Ok("paid".into()));

    // Each of these is wrong in one place.
    for (header, claims, why) in [
        (json!({"alg": "ES256", "kid": "b"}), ordinary(), Disbelief::Key),
        (json!({"alg": "RS256", "kid": "a"}), ordinary(), Disbelief::Key),
        (json!({"alg": "HS256", "kid": "a"}), ordinary(), Disbelief::Key),
        (json!({"alg": "none"}), ordinary(), Disbelief::Malformed),
        (json!({"kid": "a"}), ordinary(), Disbelief::Malformed),
        (
            json!({"alg": "ES256", "kid": "a", "crit": ["b64"], "b64": false}),
            ordinary(),
            Disbelief::Malformed,
        ),
        (header(), claims("exp", json!(now() - 120)), Disbelief::Time),
        (header(), claims("nbf", json!(now() + 120)), Disbelief::Time),
        (header(), claims("iss", json!("https://other")), Disbelief::Claims),
        (header(), claims("aud", json!("other")), Disbelief::Claims),
        (header(), claims("exp", json!(null)), Disbelief::Claims),
        (header(), claims("iss", json!(7)), Disbelief::Claims),
        (header(), claims("aud", json!({})), Disbelief::Claims),
    ] {
        assert_eq!(verify(issuer.sign(&header, &claims)), Err(why), "{header} {claims}");
    }
    // An expiry that cannot be read is none.
    for exp in [json!("never"), json!(-1), json!([now() + 600])] {
        assert!(verify(issuer.sign(&header(), &claims("exp", exp.clone()))).is_err(), "{exp}");
    }
    let signed_by_another = Issuer::new().sign(&header(), &ordinary());
    assert_eq!(verify(signed_by_another), Err(Disbelief::Signature));
    let (message, _) = right.rsplit_once('.').unwrap();
    for signature in ["", "AAAA", &"A".repeat(86)] {
        assert!(verify(format!("{message}.{signature}")).is_err(), "{signature}");
    }
    for no_token in ["", ".", "..", "a.b.c", "a.b.c.d", &right[1..]] {
        assert_eq!(verify(no_token.to_owned()), Err(Disbelief::Malformed), "{no_token}");
    }
}

#[test]
fn a_token_without_a_name_of_its_key_is_tried_with_each() {
    let (old, new) = (Issuer::new(), Issuer::new());
    let tokens = tokens(&set(&[old.jwk("old"), new.jwk("new")]), AUTHORIZATION);
    for issuer in [&old, &new] {
        assert!(tokens.verify(issuer.sign(&json!({"alg": "ES256"}), &ordinary()).as_bytes()).is_ok());
    }
    let misnamed = new.sign(&json!({"alg": "ES256", "kid": "old"}), &ordinary());
    assert_eq!(tokens.verify(misnamed.as_bytes()), Err(Disbelief::Signature));
}

#[test]
fn a_token_is_where_the_file_says_and_there_alone() {
    let issuer = Issuer::new();
    let token = issuer.sign(&json!({"alg": "ES256"}), &ordinary());
    let of = |header: HeaderName, values: &[String]| {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header.clone(), HeaderValue::try_from(value).unwrap());
        }
        let claims = tokens(&set(&[issuer.jwk("a")]), header).claims(&headers);
        claims.map(|claims| claims.is_some())
    };
    let bearer = format!("Bearer {token}");
    assert_eq!(of(AUTHORIZATION, std::slice::from_ref(&bearer)), Ok(true));
    assert_eq!(of(AUTHORIZATION, &[format!("bearer {token}")]), Ok(true));
    for none in ["Basic dXNlcjpwYXNz", "Bear", ""] {
        assert_eq!(of(AUTHORIZATION, &[none.to_owned()]), Ok(false), "{none}");
    }
    assert_eq!(of(AUTHORIZATION, &[]), Ok(false));
    // Which of two counts, the service may see in another way.
    assert_eq!(of(AUTHORIZATION, &[bearer.clone(), bearer]), Err(Disbelief::Malformed));
    let long = format!("Bearer {}", "a".repeat(LONGEST + 1));
    assert_eq!(of(AUTHORIZATION, &[long]), Err(Disbelief::Malformed));
    let own = HeaderName::from_static("x-assertion");
    assert_eq!(of(own.clone(), std::slice::from_ref(&token)), Ok(true));
    assert_eq!(of(own, &[format!("Bearer {token}")]), Err(Disbelief::Malformed));
}

/// The signatures of appendices A.2 and A.3 of RFC 7515, whose claims expired in 2011.
#[test]
fn signatures_of_the_standard_s_own_examples_are_right() {
    const PAYLOAD: &str =
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let rsa = json!({
        "kty": "RSA", "e": "AQAB",
        "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"
    });
    let ec = json!({
        "kty": "EC", "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
    });
    let signed = [
        (
            "eyJhbGciOiJSUzI1NiJ9",
            "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
        ),
        (
            "eyJhbGciOiJFUzI1NiJ9",
            "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
        ),
    ];
    for (keys, (header, signature)) in [&rsa, &ec].into_iter().zip(signed) {
        let tokens = tokens(&set(std::slice::from_ref(keys)), AUTHORIZATION);
        let verify = |payload: &str| tokens.verify(format!("{header}.{payload}.{signature}").as_bytes());
        // The signature is looked at first.
        assert_ne!(verify(PAYLOAD), Err(Disbelief::Signature), "{header}");
        assert!(matches!(verify(PAYLOAD), Err(Disbelief::Time | Disbelief::Claims)), "{header}");
        assert_eq!(verify(&encoded(ordinary().to_string())), Err(Disbelief::Signature), "{header}");
    }
}

#[test]
fn a_file_of_keys_is_pem_or_a_set_and_its_faults_are_told() {
    let count = |text: &str| match keys::of_text(&settings(AUTHORIZATION), text) {
        Ok(keys) => format!("{} keys", keys.len()),
        Err(fault) => fault.to_string(),
    };
    let pem = rcgen::KeyPair::generate().unwrap().public_key_pem();
    assert_eq!(count(&pem), "1 keys");
    assert_eq!(count(&format!("of two years\n{pem}\n{pem}")), "2 keys");
    let (key, other) = (Issuer::new().jwk("a"), Issuer::new().jwk("b"));
    let mut encryption = Issuer::new().jwk("c");
    encryption["use"] = "enc".into();
    assert_eq!(count(&set(&[key.clone(), other, encryption])), "2 keys");
    assert!(count("").starts_with("has no public key"));
    assert!(count(&set(&[])).starts_with("has no public key"));
    assert_eq!(count("{\n\"keys\": 7}"), "is no JSON Web Key Set, at line 2");
    assert!(count(&set(&vec![key.clone(); 17])).starts_with("has more than 16 keys"));
    let secret = json!({"kty": "oct", "k": "aHVudGVyMg"});
    assert!(count(&set(&[secret])).starts_with("key 1 is no public one"));
    let private = rcgen::KeyPair::generate().unwrap().serialize_pem();
    assert!(count(&private).starts_with("key 1 is no public one"));
    let short = json!({"kty": "RSA", "n": encoded([0xff; 128]), "e": "AQAB"});
    let p521 = json!({"kty": "EC", "crv": "P-521", "x": "AA", "y": "AA"});
    let newer = json!({"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA"});
    let mut of_another_algorithm = Issuer::new().jwk("d");
    of_another_algorithm["alg"] = "ES384".into();
    for unknown in [short, p521, newer, of_another_algorithm] {
        assert_eq!(count(&set(&[unknown, key.clone()])), "1 keys");
    }
    let garbage = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n";
    assert!(count(garbage).starts_with("key 1 is none that is known"));
    let missing = Tokens::load(&settings(AUTHORIZATION)).err().unwrap().to_string();
    assert_eq!(missing, "keys: entity not found");
}
