//! Bodies that may be a form, read as FastAPI reads them: an empty field counts as absent, and of a field that is sent twice the
//! last value counts.

use std::convert::Infallible;
use std::future::ready;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use futures::stream::once;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use multer::{Constraints, Multipart, SizeLimit};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::body::{LIMIT, collect};
use crate::error::{Error, FieldError, Result};
use crate::json::{MediaType, media_type, parse};
use crate::refusals::from_value;

/// The most fields that a form may have, as in FastAPI.
const MAX_FIELDS: usize = 1_000;

/// A JSON body, or the same fields as `application/x-www-form-urlencoded` or `multipart/form-data`.
#[derive(Debug)]
pub struct FormOrJson<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for FormOrJson<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self> {
        let (parts, body) = request.into_parts();
        let media_type = media_type(&parts.headers);
        let bytes = collect(&parts.headers, body, media_type.is_some()).await?;
        let length = bytes.len();
        let fields = match media_type.ok_or(Error::UnsupportedMediaType)? {
            MediaType::Json => return parse(&bytes).map(Self),
            MediaType::Form => urlencoded(&bytes)?,
            MediaType::Multipart => multipart(&parts.headers, bytes).await?,
        };
        from_value(without_empty(fields), length).map(Self)
    }
}

type Fields = Map<String, Value>;

/// What is no text is text for no field either, and is refused where a field that is read has it.
const NO_TEXT: Value = Value::Array(Vec::new());

fn without_empty(mut fields: Fields) -> Value {
    fields.retain(|_, value| value.as_str() != Some(""));
    Value::Object(fields)
}

fn urlencoded(bytes: &[u8]) -> Result<Fields> {
    // Counted before anything is decoded, and no further than it takes to know that there are too many.
    let mut given = bytes.split(|byte| *byte == b'&').filter(|field| !field.is_empty());
    if given.nth(MAX_FIELDS).is_some() {
        return Err(too_many_fields());
    }
    let fields = form_urlencoded::parse(bytes);
    Ok(fields.map(|(name, value)| (name.into_owned(), Value::from(value.into_owned()))).collect())
}

/// Returns the boundary of a form. Many clients write characters in it that the grammar of parameters allows in quotes only, as in
/// `----=_Part_1`: then it is what stands there up to the next semicolon.
fn boundary(content_type: &HeaderValue) -> Option<String> {
    let content_type = String::from_utf8_lossy(content_type.as_bytes());
    let written = || {
        content_type.split(';').find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim().trim_matches('"').to_owned())
        })
    };
    let boundary = multer::parse_boundary(&content_type).ok().or_else(written);
    boundary.filter(|boundary| !boundary.is_empty() && boundary.is_ascii())
}

async fn multipart(headers: &HeaderMap, bytes: Bytes) -> Result<Fields> {
    let boundary = headers.get(CONTENT_TYPE).and_then(boundary).ok_or_else(malformed)?;
    let limits = Constraints::new().size_limit(SizeLimit::new().whole_stream(LIMIT as u64));
    let mut form = Multipart::with_constraints(once(ready(Ok::<_, Infallible>(bytes))), boundary, limits);
    let mut fields = Fields::new();
    let mut count = 0;
    while let Some(part) = form.next_field().await.map_err(|_| malformed())? {
        count += 1;
        if count > MAX_FIELDS {
            return Err(too_many_fields());
        }
        let Some(name) = part.name().map(str::to_owned) else { continue };
        let is_file = part.file_name().is_some();
        let content = part.bytes().await.map_err(|_| malformed())?;
        let text = std::str::from_utf8(&content).ok().filter(|_| !is_file);
        fields.insert(name, text.map_or(NO_TEXT, Value::from));
    }
    Ok(fields)
}

fn malformed() -> Error {
    refusal("form_invalid", "The form cannot be read: its boundary is missing, or it is broken off")
}

fn too_many_fields() -> Error {
    refusal("too_many_fields", "A form must have at most 1000 fields")
}

/// Of the body as a whole.
fn refusal(kind: &str, message: &str) -> Error {
    Error::Invalid(vec![FieldError { loc: vec!["body".into()], msg: message.to_owned(), kind: kind.to_owned() }])
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use futures::executor::block_on;
    use http::HeaderValue;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Input {
        name: String,
        note: Option<String>,
    }

    fn input(name: &str, note: Option<&str>) -> Input {
        Input { name: name.to_owned(), note: note.map(str::to_owned) }
    }

    const URLENCODED: &str = "application/x-www-form-urlencoded";
    const MULTIPART: &str = "multipart/form-data; boundary=X";

    fn read(content_type: &[u8], body: impl Into<Body>) -> Result<Input> {
        let mut request = Request::new(body.into());
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_bytes(content_type).unwrap());
        block_on(FormOrJson::from_request(request, &())).map(|FormOrJson(input)| input)
    }

    #[test]
    fn a_body_that_breaks_off_is_refused_for_its_type_first() {
        let broken = || Body::from_stream(once(ready(Err::<Bytes, _>(std::io::Error::other("broken off")))));
        for content_type in [URLENCODED, MULTIPART, "application/json"] {
            assert!(matches!(read(content_type.as_bytes(), broken()), Err(Error::BadRequest("incomplete_body", _))));
        }
        assert!(matches!(read(b"text/plain", broken()), Err(Error::UnsupportedMediaType)));
    }

    fn refused(content_type: &str, body: impl Into<Body>) -> Vec<(String, String)> {
        refused_of(read(content_type.as_bytes(), body))
    }

    fn refused_of(result: Result<Input>) -> Vec<(String, String)> {
        match result {
            Err(Error::Invalid(errors)) => {
                errors.into_iter().map(|error| (Value::from(error.loc).to_string(), error.kind)).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    fn one(loc: &str, kind: &str) -> Vec<(String, String)> {
        vec![(loc.to_owned(), kind.to_owned())]
    }

    /// A form of parts, each with its disposition and its content.
    fn form(parts: &[(&str, &[u8])]) -> Vec<u8> {
        let mut body = Vec::new();
        for (disposition, content) in parts {
            body.extend(format!("--X\r\nContent-Disposition: form-data; {disposition}\r\n\r\n").bytes());
            body.extend(*content);
            body.extend(b"\r\n");
        }
        body.extend(b"--X--\r\n");
        body
    }

    #[test]
    fn an_empty_form_field_counts_as_absent() {
        let urlencoded = |body: &'static str| read(URLENCODED.as_bytes(), body);
        assert_eq!(urlencoded("name=a&note=").unwrap(), input("a", None));
        assert_eq!(urlencoded("name=a&note").unwrap(), input("a", None));
        assert_eq!(urlencoded("name=a&note=+").unwrap(), input("a", Some(" ")));
        assert_eq!(refused(URLENCODED, "name=&note=b"), one(r#"["body","name"]"#, "missing"));

        let empty = form(&[("name=\"name\"", b"a"), ("name=\"note\"", b"")]);
        assert_eq!(read(MULTIPART.as_bytes(), empty).unwrap(), input("a", None));
        assert_eq!(refused(MULTIPART, form(&[("name=\"name\"", b"")])), one(r#"["body","name"]"#, "missing"));
        assert_eq!(refused(MULTIPART, form(&[])), one(r#"["body","name"]"#, "missing"));
        // JSON can say that something is absent.
        assert_eq!(read(b"application/json", r#"{"name":"","note":""}"#).unwrap(), input("", Some("")));
    }

    #[test]
    fn of_a_field_that_is_sent_twice_the_last_value_counts() {
        let urlencoded = |body: &'static str| read(URLENCODED.as_bytes(), body).unwrap();
        assert_eq!(urlencoded("name=a&note=x&name=b&note="), input("b", None));
        assert_eq!(urlencoded("name=&name=b"), input("b", None));
        let parts: [(&str, &[u8]); 4] =
            [("name=\"name\"", b"a"), ("name=\"note\"", b"x"), ("name=\"name\"", b"b"), ("name=\"note\"", b"")];
        assert_eq!(read(MULTIPART.as_bytes(), form(&parts)).unwrap(), input("b", None));
    }

    #[test]
    fn a_multipart_form_is_read_byte_for_byte() {
        let text = " + %41 & ü\r\n--Y\r\n";
        let parts: [(&str, &[u8]); 3] =
            [("name=\"name\"", text.as_bytes()), ("name=\"other\"", b"\xff"), ("x=\"y\"", b"z")];
        assert_eq!(read(MULTIPART.as_bytes(), form(&parts)).unwrap(), input(text, None));
        let quoted = b"Multipart/Form-Data; charset=utf-8; boundary=\"X\"";
        assert_eq!(read(quoted, form(&parts)).unwrap(), input(text, None));
    }

    #[test]
    fn a_boundary_may_have_any_character_without_quotes() {
        let parameter = "multipart/form-data; note=\"x; boundary=Y\"; boundary=X";
        assert_eq!(read(parameter.as_bytes(), form(&[("name=\"name\"", b"a")])).unwrap(), input("a", None));
        for boundary in ["----=_NextPart_000", "a=b", "a:b", "a/b?c", "(a,b)"] {
            let body =
                format!("--{boundary}\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\na\r\n--{boundary}--\r\n");
            for content_type in [
                format!("multipart/form-data; boundary={boundary}"),
                format!("multipart/form-data; BOUNDARY = \"{boundary}\" ; note=\u{e9}"),
            ] {
                let body = body.clone().into_bytes();
                assert_eq!(read(content_type.as_bytes(), body).unwrap(), input("a", None), "{content_type}");
            }
        }
    }

    #[test]
    fn a_file_or_other_bytes_are_no_text() {
        for part in [
            ("name=\"note\"; filename=\"a.txt\"", &b"a"[..]),
            ("name=\"note\"; filename=\"\"", b""),
            ("name=\"note\"", b"\xff"),
        ] {
            let body = form(&[("name=\"name\"", b"a"), part]);
            assert_eq!(refused(MULTIPART, body), one(r#"["body","note"]"#, "string_type"), "{part:?}");
        }
        let unread = form(&[("name=\"name\"", b"a"), ("name=\"picture\"; filename=\"a.png\"", b"\x89PNG")]);
        assert_eq!(read(MULTIPART.as_bytes(), unread).unwrap(), input("a", None));
        let nul = form(&[("name=\"name\"", b"a\0b")]);
        assert_eq!(refused(MULTIPART, nul), one(r#"["body","name"]"#, "string_nul"));
    }

    #[test]
    fn a_form_that_cannot_be_read_is_one_error() {
        let whole = form(&[("name=\"name\"", b"a")]);
        let invalid = one(r#"["body"]"#, "form_invalid");
        for content_type in [
            "multipart/form-data",
            "multipart/form-data; boundary=",
            "multipart/form-data; boundary=\"\"",
            "multipart/form-data; boundary=Y",
            "multipart/form-data; boundary=ü",
        ] {
            assert_eq!(refused(content_type, whole.clone()), invalid, "{content_type}");
        }
        let no_utf8 = read(b"multipart/form-data; boundary=\xff", whole.clone());
        assert_eq!(refused_of(no_utf8), invalid);
        for length in 0..whole.len() - 4 {
            assert_eq!(refused(MULTIPART, whole[..length].to_vec()), invalid, "{length} of {}", whole.len());
        }
        assert!(matches!(read(b"multipart/mixed; boundary=X", whole), Err(Error::UnsupportedMediaType)));
    }

    #[test]
    fn a_form_of_more_than_a_thousand_fields_is_refused() {
        let too_many = one(r#"["body"]"#, "too_many_fields");
        let urlencoded = |fields: usize| format!("name=a{}", "&b=c".repeat(fields - 1));
        assert_eq!(read(URLENCODED.as_bytes(), urlencoded(1_000)).unwrap(), input("a", None));
        assert_eq!(read(URLENCODED.as_bytes(), format!("&&{}&", urlencoded(1_000))).unwrap(), input("a", None));
        assert_eq!(refused(URLENCODED, urlencoded(1_001)), too_many);
        assert_eq!(refused(URLENCODED, "a=b&".repeat(230_000)), too_many);

        let multipart = |fields: usize| {
            let mut parts = vec![("name=\"b\"", &b"c"[..]); fields - 1];
            parts.push(("name=\"name\"", b"a"));
            form(&parts)
        };
        assert_eq!(read(MULTIPART.as_bytes(), multipart(1_000)).unwrap(), input("a", None));
        assert_eq!(refused(MULTIPART, multipart(1_001)), too_many);
    }

    #[test]
    fn of_a_long_form_the_first_refusal_is_told() {
        let long = [b'x'; 100_000];
        for (content, count) in [(&long[..9], 2), (&long[..], 1)] {
            let body = form(&[("name=\"note\"; filename=\"a\"", b""), ("name=\"other\"", content)]);
            assert_eq!(refused(MULTIPART, body).len(), count);
        }
    }

    #[test]
    fn a_body_over_the_limit_is_refused_first() {
        let long = vec![b'&'; LIMIT + 1];
        for content_type in [URLENCODED, MULTIPART, "text/plain"] {
            assert!(matches!(read(content_type.as_bytes(), long.clone()), Err(Error::BodyTooLarge)), "{content_type}");
        }
    }
}
