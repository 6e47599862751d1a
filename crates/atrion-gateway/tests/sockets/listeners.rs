// SPDX-License-Identifier: Apache-2.0
//! TLS on both sides, unix sockets, the PROXY protocol.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use atrion_gateway::{Config, Gateway};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixListener};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::issuer::now;
use crate::support::{
    OK, address, admin, eventually, exchange, gateway, gateway_of, get, least, read_all, read_request, say,
    saying, service, within,
};

/// A certificate for `localhost` in a folder of its own.
struct Identity {
    folder: TempDir,
}

impl Identity {
    fn new() -> Self {
        let identity = Self { folder: tempfile::tempdir().unwrap() };
        identity.renew();
        identity
    }

    fn renew(&self) {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(self.certificate(), made.cert.pem()).unwrap();
        std::fs::write(self.key(), made.signing_key.serialize_pem()).unwrap();
    }

    /// The same name, and a certificate that is over after this time.
    fn expire_in(&self, time: Duration) {
        let mut parameters = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        parameters.not_after = rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(now()) + time;
        let key = rcgen::KeyPair::generate().unwrap();
        std::fs::write(self.certificate(), parameters.self_signed(&key).unwrap().pem()).unwrap();
        std::fs::write(self.key(), key.serialize_pem()).unwrap();
    }

    fn certificate(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }

    fn key(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }

    fn as_toml(&self) -> String {
        format!("certificate = {:?}, key = {:?}", self.certificate(), self.key())
    }
}

/// A client that believes these certificates, and has one if there is one.
async fn tls(
    to: std::net::SocketAddr,
    ca: &Path,
    own: Option<&Identity>,
    protocol: &[u8],
) -> std::io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match own {
        None => builder.with_no_client_auth(),
        Some(own) => {
            let chain = vec![CertificateDer::from_pem_file(own.certificate()).unwrap()];
            builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_file(own.key()).unwrap()).unwrap()
        }
    };
    config.alpn_protocols = vec![protocol.to_vec()];
    let stream = TcpStream::connect(to).await?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await
}

const REQUEST: &str = "GET / HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n";

async fn ask(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> String {
    say(&mut stream, REQUEST).await;
    within(read_all(&mut stream)).await
}

fn with_tls(upstream: std::net::SocketAddr, tls: &str) -> String {
    least(upstream, "").replacen("\n[admin]", &format!("\ntls = {{ {tls} }}\n[admin]"), 1)
}

#[tokio::test]
async fn clients_speak_tls_and_agree_on_the_protocol() {
    let (upstream, heard) = saying(OK).await;
    let identity = Identity::new();
    let gateway = gateway_of(&with_tls(upstream, &identity.as_toml())).await;
    let to = address(&gateway).await;
    let answer = ask(tls(to, &identity.certificate(), None, b"http/1.1").await.unwrap()).await;
    assert!(answer.ends_with("ok"), "{answer}");
    assert!(heard.all()[0].contains("x-forwarded-proto: https\r\n"), "{:?}", heard.all());

    let stream = tls(to, &identity.certificate(), None, b"h2").await.unwrap();
    let (mut client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let request = http::Request::get("https://shop/").body(()).unwrap();
    let (response, _) = client.send_request(request, true).unwrap();
    assert_eq!(within(response).await.unwrap().status(), 200);
    // Without TLS there is nothing here, and nothing is answered.
    assert!(exchange(to, REQUEST).await.len() < 10);
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_to_new_connections() {
    let (upstream, _) = saying(OK).await;
    let identity = Identity::new();
    let text = with_tls(upstream, &identity.as_toml());
    let gateway = gateway_of(&text).await;
    let to = address(&gateway).await;
    let old = identity.folder.path().join("old.pem");
    std::fs::copy(identity.certificate(), &old).unwrap();
    let open = tls(to, &old, None, b"http/1.1").await.unwrap();

    identity.renew();
    gateway.reload(Config::parse(&text, Path::new("")).unwrap()).await.unwrap();
    assert!(tls(to, &old, None, b"http/1.1").await.is_err());
    assert!(ask(tls(to, &identity.certificate(), None, b"http/1.1").await.unwrap()).await.ends_with("ok"));
    assert!(ask(open).await.ends_with("ok"));

    std::fs::write(identity.key(), "no key").unwrap();
    let refused = gateway.reload(Config::parse(&text, Path::new("")).unwrap()).await.unwrap_err();
    assert!(refused.to_string().contains("key.pem"), "{refused}");
    assert!(ask(tls(to, &identity.certificate(), None, b"http/1.1").await.unwrap()).await.ends_with("ok"));
}

#[tokio::test]
async fn clients_need_a_certificate_where_the_file_says_so_and_are_known_by_its_names() {
    let (upstream, _) = saying(OK).await;
    let (identity, client) = (Identity::new(), Identity::new());
    let more = format!("{}, client_ca = {:?}", identity.as_toml(), client.certificate());
    let rules = "[[tier]]\ncertificate = \"other\"\ntier = \"bulk\"\n\
                 [[tier]]\ncertificate = \"localhost\"\ntier = \"critical\"\n";
    let gateway = gateway_of(&(with_tls(upstream, &more) + rules)).await;
    let to = address(&gateway).await;
    let with = tls(to, &identity.certificate(), Some(&client), b"http/1.1").await.unwrap();
    assert!(ask(with).await.ends_with("ok"));
    let critical = || gateway.atrion().route("unmatched").snapshot().counts.admitted(atrion::Tier::Critical);
    eventually(async || critical() == 1).await;
    // TLS 1.3 tells a client at its first read.
    if let Ok(without) = tls(to, &identity.certificate(), None, b"http/1.1").await {
        assert_eq!(ask(without).await, "");
    }
}

#[tokio::test]
async fn a_certificate_that_expires_ends_no_connection_and_begins_none() {
    let (upstream, _) = saying(OK).await;
    let (identity, client) = (Identity::new(), Identity::new());
    client.expire_in(Duration::from_secs(5));
    let more = format!("{}, client_ca = {:?}", identity.as_toml(), client.certificate());
    let gateway = gateway_of(&with_tls(upstream, &more)).await;
    let to = address(&gateway).await;
    let connect = async || tls(to, &identity.certificate(), Some(&client), b"http/1.1").await;
    let open = connect().await.unwrap();
    eventually(async || {
        let Ok(mut stream) = connect().await else { return true };
        // TLS 1.3 tells a client at its first read.
        stream.write_all(REQUEST.as_bytes()).await.is_err() || within(read_all(&mut stream)).await.is_empty()
    })
    .await;
    assert!(ask(open).await.ends_with("ok"));
    let page = get(admin(&gateway), "/metrics", "").await;
    assert!(page.contains("refused_connections_total{reason=\"handshake\""), "{page}");
}

#[tokio::test]
async fn the_service_speaks_tls() {
    let (identity, stranger) = (Identity::new(), Identity::new());
    let chain = vec![CertificateDer::from_pem_file(identity.certificate()).unwrap()];
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::from_pem_file(identity.key()).unwrap())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let upstream = service(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            while read_request(&mut stream).await.is_some() {
                say(&mut stream, OK).await;
            }
        }
    })
    .await;
    let before =
        |ca: &Identity| format!("tls = {{ server_name = \"localhost\", ca = {:?} }}\n", ca.certificate());
    let right = gateway(upstream, &before(&identity)).await;
    assert!(get(address(&right).await, "/", "").await.ends_with("ok"));
    let wrong = gateway(upstream, &before(&stranger)).await;
    assert!(get(address(&wrong).await, "/", "").await.starts_with("HTTP/1.1 502"));
}

#[tokio::test]
async fn sockets_of_the_file_system_work_on_both_sides() {
    let folder = tempfile::tempdir().unwrap();
    let (front, behind) = (folder.path().join("front.sock"), folder.path().join("behind.sock"));
    let listener = UnixListener::bind(&behind).unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            read_request(&mut stream).await;
            say(&mut stream, OK).await;
        }
    });
    // What a process that was killed has left behind.
    drop(std::os::unix::net::UnixListener::bind(&front).unwrap());
    let text = format!(
        "[[listen]]\naddress = \"unix:{}\"\n[admin]\naddress = \"127.0.0.1:0\"\n[[upstream]]\naddress = \"unix:{}\"\n",
        front.display(),
        behind.display()
    );
    let gateway = gateway_of(&text).await;
    let stream = tokio::net::UnixStream::connect(&front).await.unwrap();
    assert!(ask(stream).await.ends_with("ok"));
    // A second gateway does not take it away.
    let config = Config::parse(&text, Path::new("")).unwrap();
    assert!(Gateway::start_with(config, std::io::sink()).await.is_err());
    within(gateway.drain()).await;
    assert!(!front.exists());
}

#[tokio::test]
async fn the_header_of_a_balancer_names_the_client() {
    let (upstream, heard) = saying(OK).await;
    let text = least(upstream, "").replacen("\n[admin]", "\nproxy_protocol = true\n[admin]", 1);
    let gateway = gateway_of(&text).await;
    let to = address(&gateway).await;
    let mut block = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
    block.extend([192, 0, 2, 7, 127, 0, 0, 1, 1, 0, 0, 80]);
    block.extend(REQUEST.as_bytes());
    assert!(exchange(to, block).await.ends_with("ok"));
    assert!(exchange(to, format!("PROXY TCP6 2001:db8::7 ::1 5 80\r\n{REQUEST}")).await.ends_with("ok"));
    assert!(exchange(to, format!("PROXY UNKNOWN\r\n{REQUEST}")).await.ends_with("ok"));
    let addresses: Vec<_> = heard
        .all()
        .iter()
        .map(|head| head.lines().find_map(|line| line.strip_prefix("x-forwarded-for: ").map(str::to_owned)))
        .collect();
    let wanted = [Some("192.0.2.7".to_owned()), Some("2001:db8::7".to_owned()), Some("127.0.0.1".to_owned())];
    assert_eq!(addresses, wanted);
    // Without the header nobody is heard.
    assert_eq!(exchange(to, REQUEST).await, "");
    assert_eq!(heard.all().len(), 3);
}
