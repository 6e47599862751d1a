// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Two connections to one server, and every command that goes over them. Base commands only, so
//! that every Redis from 5 on will do; sharded channels in a Redis Cluster.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use atrion_state::NodeId;
use futures_util::StreamExt as _;
use redis::aio::{MultiplexedConnection, PubSub};
use redis::{AsyncConnectionConfig, Client, Pipeline, PushInfo, PushKind, Value};
use tokio::task::AbortHandle;

use super::endpoint::{ANSWER, Endpoint, commands};
use super::error::{StoreError, code, within};
use super::inbox::Inbox;
use super::keys::Keys;
use crate::fleet::Commit;
use crate::wire::{Key, Message, encode};

/// The connections. They end with the value.
pub(super) struct Session {
    commands: MultiplexedConnection,
    subscriber: Subscriber,
    pub(super) inbox: Arc<Inbox>,
    keys: Keys,
    key: Option<Key>,
    sharded: bool,
}

/// The connection that listens.
enum Subscriber {
    /// The older protocol: a connection that can do nothing else.
    Plain(Option<PubSub>),
    /// The newer one: messages are pushed beside the answers.
    Pushed(MultiplexedConnection),
    /// A task reads the messages.
    Reading { _reader: Reader },
}

/// The task that reads; it ends with this.
struct Reader(AbortHandle);

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A stored record, not yet looked at.
pub(super) struct Raw {
    pub(super) node: NodeId,
    pub(super) fields: HashMap<Vec<u8>, Vec<u8>>,
    /// `None`: it has no end.
    pub(super) ttl: Option<Duration>,
}

/// What became of a read.
pub(super) enum Read {
    Found(Raw),
    /// There is none.
    Absent(NodeId),
    /// There is something under its key, which is none.
    Foreign(NodeId),
}

/// No fleet has more members.
const MEMBERS: usize = 4_096;
/// No node's record has more fields.
const FIELDS: usize = 16_384;
/// The set of members outlives its last member by a day.
const DAY_MS: i64 = 86_400_000;

impl Session {
    /// Opens both connections to the server that has the keys at present.
    pub(super) async fn open(
        endpoint: &Endpoint,
        keys: &Keys,
        key: Option<&Key>,
    ) -> Result<Self, StoreError> {
        let client = endpoint.resolve(&keys.members()).await?;
        let inbox = Inbox::new();
        let opened = async {
            let commands = commands(&client).await?;
            let subscriber = if endpoint.is_sharded() {
                Subscriber::Pushed(pushed(&client, &inbox).await?)
            } else {
                Subscriber::Plain(Some(within(ANSWER * 2, client.get_async_pubsub()).await?))
            };
            Ok((commands, subscriber))
        };
        let (commands, subscriber) = opened.await.inspect_err(|_: &StoreError| endpoint.failed())?;
        let sharded = endpoint.is_sharded();
        Ok(Self { commands, subscriber, inbox, keys: keys.clone(), key: key.cloned(), sharded })
    }

    /// Subscribes, and waits for the answer.
    pub(super) async fn subscribe(&mut self) -> Result<(), StoreError> {
        let channel = self.keys.channel.as_str();
        match &mut self.subscriber {
            Subscriber::Plain(pubsub) => {
                let Some(mut pubsub) = pubsub.take() else { return Ok(()) };
                within(ANSWER, pubsub.subscribe(channel)).await?;
                let (inbox, mut messages) = (Arc::clone(&self.inbox), pubsub.into_on_message());
                let reader = tokio::spawn(async move {
                    while let Some(message) = messages.next().await {
                        inbox.push(message.get_payload_bytes().to_vec());
                    }
                    inbox.close();
                });
                self.subscriber = Subscriber::Reading { _reader: Reader(reader.abort_handle()) };
                Ok(())
            }
            Subscriber::Pushed(connection) => {
                let mut subscribe = redis::cmd("SSUBSCRIBE");
                subscribe.arg(channel);
                within(ANSWER, connection.send_packed_command(&subscribe)).await.map(drop)
            }
            Subscriber::Reading { .. } => Ok(()),
        }
    }

    /// Publishes messages, in order.
    pub(super) fn publish(
        &self,
        messages: &[Message],
    ) -> impl Future<Output = Result<(), StoreError>> + use<> {
        let mut pipe = redis::pipe();
        let encoded = self.add_messages(&mut pipe, messages);
        let mut connection = self.commands.clone();
        async move {
            encoded?;
            within(ANSWER, pipe.query_async::<()>(&mut connection)).await
        }
    }

    /// Writes a record and publishes, all or nothing; gives how many of the record's fields are
    /// new.
    pub(super) fn commit(&self, commit: &Commit) -> impl Future<Output = Result<usize, StoreError>> + use<> {
        let mut pipe = redis::pipe();
        let encoded = self.add_commit(&mut pipe, commit);
        let mut connection = self.commands.clone();
        async move {
            encoded?;
            let (added,): (usize,) = within(ANSWER, pipe.query_async(&mut connection)).await?;
            Ok(added)
        }
    }

    fn add_commit(&self, pipe: &mut Pipeline, commit: &Commit) -> Result<(), StoreError> {
        let (record, members) = (self.keys.record(&commit.node), self.keys.members());
        pipe.atomic();
        if commit.replaces {
            pipe.cmd("UNLINK").arg(&record).ignore();
        }
        let header = Message { header: commit.header.clone(), entries: Vec::new() };
        pipe.cmd("HSET").arg(&record).arg("@").arg(self.encode(&header)?);
        for part in &commit.parts {
            pipe.arg(&part.field).arg(self.encode(&part.message)?);
        }
        let ttl = i64::try_from(commit.ttl.as_millis()).unwrap_or(DAY_MS);
        pipe.cmd("PEXPIRE").arg(&record).arg(ttl).ignore();
        pipe.cmd("SADD").arg(&members).arg(commit.node.as_str()).ignore();
        pipe.cmd("PEXPIRE").arg(&members).arg(DAY_MS).ignore();
        self.add_messages(pipe, &commit.messages)
    }

    fn add_messages(&self, pipe: &mut Pipeline, messages: &[Message]) -> Result<(), StoreError> {
        let command = if self.sharded { "SPUBLISH" } else { "PUBLISH" };
        for message in messages {
            pipe.cmd(command).arg(&self.keys.channel).arg(self.encode(message)?).ignore();
        }
        Ok(())
    }

    fn encode(&self, message: &Message) -> Result<Vec<u8>, StoreError> {
        encode(&message.header, &message.entries, self.key.as_ref())
            .map_err(|error| StoreError::Other(error.to_string()))
    }

    /// The names in the set of members that can be names.
    pub(super) fn members(&self) -> impl Future<Output = Result<Vec<NodeId>, StoreError>> + use<> {
        let mut ask = redis::cmd("SMEMBERS");
        ask.arg(self.keys.members());
        let mut connection = self.commands.clone();
        async move {
            let names: Vec<Vec<u8>> = within(ANSWER, ask.query_async(&mut connection)).await?;
            let names = names.iter().take(MEMBERS).filter_map(|name| std::str::from_utf8(name).ok());
            Ok(names.filter_map(|name| NodeId::new(name).ok()).collect())
        }
    }

    /// Takes names off the set of members whose records are gone.
    pub(super) fn dismiss(&self, nodes: &[NodeId]) -> impl Future<Output = Result<(), StoreError>> + use<> {
        let mut ask = redis::cmd("SREM");
        ask.arg(self.keys.members());
        for node in nodes {
            ask.arg(node.as_str());
        }
        let (mut connection, is_empty) = (self.commands.clone(), nodes.is_empty());
        async move { if is_empty { Ok(()) } else { within(ANSWER, ask.query_async::<()>(&mut connection)).await } }
    }

    /// The records of these nodes, whole.
    pub(super) fn records(
        &self,
        nodes: Vec<NodeId>,
    ) -> impl Future<Output = Result<Vec<Read>, StoreError>> + use<> {
        read(self.keys.clone(), self.commands.clone(), nodes, true)
    }

    /// The headers of all members' records.
    pub(super) fn headers(&self) -> impl Future<Output = Result<Vec<Read>, StoreError>> + use<> {
        let (keys, connection, members) = (self.keys.clone(), self.commands.clone(), self.members());
        async move { read(keys, connection, members.await?, false).await }
    }
}

/// The records of these nodes: all of each, or only the header.
async fn read(
    keys: Keys,
    mut connection: MultiplexedConnection,
    nodes: Vec<NodeId>,
    whole: bool,
) -> Result<Vec<Read>, StoreError> {
    let mut pipe = redis::pipe();
    for node in &nodes {
        let record = keys.record(node);
        if whole {
            pipe.cmd("HGETALL").arg(&record);
        } else {
            pipe.cmd("HGET").arg(&record).arg("@");
        }
        pipe.cmd("PTTL").arg(&record);
    }
    if nodes.is_empty() {
        return Ok(Vec::new());
    }
    // One record that is not ours must not hide the others.
    pipe.ignore_errors();
    let answers: Vec<redis::RedisResult<Value>> = within(ANSWER, pipe.query_async(&mut connection)).await?;
    let mut answers = answers.into_iter();
    let mut reads = Vec::with_capacity(nodes.len());
    for node in nodes {
        let (Some(fields), Some(ttl)) = (answers.next(), answers.next()) else { break };
        reads.push(understand(node, fields, ttl, whole)?);
    }
    Ok(reads)
}

fn understand(
    node: NodeId,
    fields: redis::RedisResult<Value>,
    ttl: redis::RedisResult<Value>,
    whole: bool,
) -> Result<Read, StoreError> {
    let fields = match fields {
        Ok(fields) => fields,
        Err(error) if code(&error) == "WRONGTYPE" => return Ok(Read::Foreign(node)),
        Err(error) => return Err(error.into()),
    };
    let fields: HashMap<Vec<u8>, Vec<u8>> = if whole {
        redis::from_redis_value(fields).map_err(redis::RedisError::from)?
    } else {
        let header: Option<Vec<u8>> = redis::from_redis_value(fields).map_err(redis::RedisError::from)?;
        header.map(|header| (b"@".to_vec(), header)).into_iter().collect()
    };
    let left: i64 = redis::from_redis_value(ttl?).map_err(redis::RedisError::from)?;
    if fields.is_empty() || left == -2 {
        return Ok(Read::Absent(node));
    }
    if fields.len() > FIELDS {
        return Ok(Read::Foreign(node));
    }
    let ttl = u64::try_from(left).ok().map(Duration::from_millis);
    Ok(Read::Found(Raw { node, fields, ttl }))
}

/// A connection whose pushes go to the inbox.
async fn pushed(client: &Client, inbox: &Arc<Inbox>) -> Result<MultiplexedConnection, StoreError> {
    let inbox = Arc::clone(inbox);
    let receive = move |push: PushInfo| -> Result<(), std::convert::Infallible> {
        match push.kind {
            PushKind::SMessage | PushKind::Message => {
                if let Some(Value::BulkString(payload)) = push.data.into_iter().nth(1) {
                    inbox.push(payload);
                }
            }
            // The slot has moved to another node, or the connection is gone.
            PushKind::SUnsubscribe | PushKind::Disconnection => inbox.close(),
            _ => {}
        }
        Ok(())
    };
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(ANSWER * 2))
        .set_response_timeout(Some(ANSWER))
        .set_push_sender(receive);
    within(ANSWER * 2, client.get_multiplexed_async_connection_with_config(&config)).await
}
