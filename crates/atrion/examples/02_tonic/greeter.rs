// SPDX-License-Identifier: Apache-2.0
//! What `tonic-build` would write for this service, by hand, so that the example needs no `protoc`:
//!
//! ```proto
//! package lesson;
//! service Greeter { rpc SayHello (HelloRequest) returns (HelloReply); }
//! message HelloRequest { string name = 1; }
//! message HelloReply { string message = 1; }
//! ```

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tonic::body::Body;
use tonic::client::GrpcService;
use tonic::codegen::{Body as HttpBody, Bytes, StdError, http};
use tonic::server::{NamedService, UnaryService};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

pub(crate) const SAY_HELLO: &str = "/lesson.Greeter/SayHello";

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct HelloRequest {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct HelloReply {
    #[prost(string, tag = "1")]
    pub(crate) message: String,
}

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Greets after a while.
#[derive(Clone)]
pub(crate) struct GreeterServer {
    takes: Duration,
}

impl GreeterServer {
    pub(crate) fn that_takes(takes: Duration) -> Self {
        Self { takes }
    }
}

impl NamedService for GreeterServer {
    const NAME: &'static str = "lesson.Greeter";
}

impl UnaryService<HelloRequest> for GreeterServer {
    type Response = HelloReply;
    type Future = Boxed<Result<Response<HelloReply>, Status>>;

    fn call(&mut self, request: Request<HelloRequest>) -> Self::Future {
        let takes = self.takes;
        Box::pin(async move {
            tokio::time::sleep(takes).await;
            Ok(Response::new(HelloReply { message: format!("hello, {}", request.into_inner().name) }))
        })
    }
}

impl tower::Service<http::Request<Body>> for GreeterServer {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Boxed<Result<http::Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let greeter = self.clone();
        Box::pin(async move {
            if request.uri().path() != SAY_HELLO {
                return Ok(Status::unimplemented("no such method").into_http());
            }
            Ok(tonic::server::Grpc::new(ProstCodec::default()).unary(greeter, request).await)
        })
    }
}

/// Calls a greeter over any service that carries gRPC.
#[derive(Clone)]
pub(crate) struct GreeterClient<S>(tonic::client::Grpc<S>);

impl<S> GreeterClient<S>
where
    S: GrpcService<Body>,
    S::Error: Into<StdError>,
    S::ResponseBody: HttpBody<Data = Bytes> + Send + 'static,
    <S::ResponseBody as HttpBody>::Error: Into<StdError> + Send,
{
    pub(crate) fn new(service: S) -> Self {
        Self(tonic::client::Grpc::new(service))
    }

    pub(crate) async fn say_hello(
        &mut self,
        request: Request<HelloRequest>,
    ) -> Result<Response<HelloReply>, Status> {
        self.0.ready().await.map_err(|error| Status::unavailable(error.into().to_string()))?;
        let path = http::uri::PathAndQuery::from_static(SAY_HELLO);
        self.0.unary(request, path, ProstCodec::default()).await
    }
}
