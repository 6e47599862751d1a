// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Two connections to one server, and every command that goes over them. Base commands only, so
//! that every Redis from 5 on will do; sharded channels in a Redis Cluster.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use atrion_core::Mono;
use atrion_state::NodeId;
use futures_util::future::join;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use redis::aio::PubSub;
use redis::{FromRedisValue as _, Pipeline, PushInfo, PushKind, RedisResult, Value};

use super::endpoint::{ANSWER, Endpoint};
use super::error::{StoreError, code};
use super::inbox::Inbox;
use super::keys::Keys;
use super::oversized::Oversized;
use super::stream::{Commands, Server, Task};
use crate::bounded::Bounded as _;
use crate::fleet::Commit;
use crate::wire::{Key, Message, encode};

/// The connections. They end with the value.
pub(super) struct Session {
    commands: Commands,
    subscriber: Subscriber,
    pub(super) inbox: Arc<Inbox>,
    keys: Keys,
    key: Option<Key>,
    sharded: bool,
    oversized: Arc<Oversized>,
}

/// The connection that listens.
enum Subscriber {
    /// The older protocol: a connection that can do nothing else.
    Plain(Option<PubSub>),
    /// The newer one: messages are pushed beside the answers.
    Pushed(Commands),
    /// A task reads the messages.
    Reading { _reader: Task },
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
    /// There is more under its key than a node can have written. It is left alone for a while.
    Oversized(NodeId),
}

/// How a commit ended that the server answered.
pub(super) enum Stored {
    /// It is stored and published; some fields of the record may be new.
    Whole { added: usize },
    /// It is published. The server takes no writes at present, for this reason.
    Published(StoreError),
}

/// No fleet has more members.
const MEMBERS: usize = 4_096;
/// No node's record has more fields. As many pass [through the stream](super::limit), and one more.
const FIELDS: usize = 16_384;
/// Headers that are asked for in one go.
const HEADERS: usize = 256;
/// The set of members outlives its last member by a day.
const DAY_MS: i64 = 86_400_000;

impl Session {
    /// Opens both connections to the server that has the keys at present.
    pub(super) async fn open(
        endpoint: &Endpoint,
        keys: &Keys,
        key: Option<&Key>,
        oversized: &Arc<Oversized>,
    ) -> Result<Self, StoreError> {
        let server = endpoint.resolve(&keys.members()).await?;
        let inbox = Inbox::new();
        let opened = async {
            let commands = server.commands().await?;
            let subscriber = if endpoint.is_sharded() {
                Subscriber::Pushed(pushed(&server, &inbox).await?)
            } else {
                Subscriber::Plain(Some(server.pubsub().await?))
            };
            Ok((commands, subscriber))
        };
        let (commands, subscriber) = opened.await.inspect_err(|_: &StoreError| endpoint.failed())?;
        let (sharded, oversized) = (endpoint.is_sharded(), Arc::clone(oversized));
        Ok(Self { commands, subscriber, inbox, keys: keys.clone(), key: key.cloned(), sharded, oversized })
    }

    /// Subscribes, and waits for the answer.
    pub(super) async fn subscribe(&mut self) -> Result<(), StoreError> {
        let channel = self.keys.channel.as_str();
        match &mut self.subscriber {
            Subscriber::Plain(pubsub) => {
                let Some(mut pubsub) = pubsub.take() else { return Ok(()) };
                StoreError::within(ANSWER, pubsub.subscribe(channel)).await?;
                let (inbox, mut messages) = (Arc::clone(&self.inbox), pubsub.into_on_message());
                let reader = Task::spawn(async move {
                    while let Some(message) = messages.next().await {
                        inbox.push(message.get_payload_bytes().to_vec());
                    }
                    inbox.close();
                });
                self.subscriber = Subscriber::Reading { _reader: reader };
                Ok(())
            }
            Subscriber::Pushed(connection) => {
                let mut subscribe = redis::cmd("SSUBSCRIBE");
                subscribe.arg(channel);
                let mut connection = connection.connection();
                StoreError::within(ANSWER, connection.send_packed_command(&subscribe)).await.map(drop)
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
        let commands = self.commands.clone();
        async move {
            encoded?;
            StoreError::within(ANSWER, pipe.query_async::<()>(&mut commands.connection())).await
        }
    }

    /// Writes a record and publishes, all or nothing. A server that takes no writes at present
    /// publishes all the same.
    pub(super) fn commit(&self, commit: &Commit) -> impl Future<Output = Result<Stored, StoreError>> + use<> {
        let (mut pipe, mut spoken) = (redis::pipe(), redis::pipe());
        let encoded = self.add_commit(&mut pipe, commit);
        let encoded = encoded.and_then(|()| self.add_messages(&mut spoken, &commit.messages));
        let commands = self.commands.clone();
        async move {
            encoded?;
            let mut connection = commands.connection();
            match StoreError::within(ANSWER, pipe.query_async(&mut connection)).await {
                Ok((added,)) => Ok(Stored::Whole { added }),
                Err(error) if error.is_full() => {
                    StoreError::within(ANSWER, spoken.query_async::<()>(&mut connection)).await?;
                    Ok(Stored::Published(error))
                }
                Err(error) => Err(error),
            }
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

    /// The names in the set of members that can be names. Of a set with more than a fleet can have,
    /// some; it is then left alone for a while.
    pub(super) fn members(
        &self,
        patience: Duration,
        now: Mono,
    ) -> impl Future<Output = Result<Vec<NodeId>, StoreError>> + use<> {
        let mut ask = redis::cmd("SMEMBERS");
        ask.arg(self.keys.members());
        let (commands, oversized) = (self.commands.clone(), Arc::clone(&self.oversized));
        async move {
            if oversized.is_set_left_alone(now) {
                return Ok(Vec::new());
            }
            let mut connection = commands.connection();
            let names: Vec<Vec<u8>> = StoreError::within(patience, ask.query_async(&mut connection)).await?;
            if names.len() > MEMBERS {
                oversized.leave_set_alone(now);
            }
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
        let (commands, is_empty) = (self.commands.clone(), nodes.is_empty());
        async move {
            if is_empty {
                return Ok(());
            }
            StoreError::within(ANSWER, ask.query_async::<()>(&mut commands.connection())).await
        }
    }

    /// The records of these nodes, whole. `patience`: how long each answer is waited for.
    pub(super) fn records(
        &self,
        nodes: Vec<NodeId>,
        patience: Duration,
        now: Mono,
    ) -> impl Future<Output = Result<Vec<Read>, StoreError>> + use<> {
        self.reader(true, patience).read(nodes, now)
    }

    /// The headers of all members' records.
    pub(super) fn headers(&self, now: Mono) -> impl Future<Output = Result<Vec<Read>, StoreError>> + use<> {
        let (reader, members) = (self.reader(false, ANSWER), self.members(ANSWER, now));
        async move { reader.read(members.await?, now).await }
    }

    fn reader(&self, whole: bool, patience: Duration) -> Reader {
        let (keys, commands) = (self.keys.clone(), self.commands.clone());
        Reader { keys, commands, oversized: Arc::clone(&self.oversized), whole, patience }
    }
}

/// Reads records: all of each, or only the header.
struct Reader {
    keys: Keys,
    commands: Commands,
    oversized: Arc<Oversized>,
    whole: bool,
    patience: Duration,
}

impl Reader {
    async fn read(self, nodes: Vec<NodeId>, now: Mono) -> Result<Vec<Read>, StoreError> {
        let reads = stream::iter(nodes).map(|node| self.record(node, now));
        reads.buffered(HEADERS).try_collect().await
    }

    /// One record that is not ours must not hide the others, and one that is too large is known to
    /// be before what it holds has passed by.
    async fn record(&self, node: NodeId, now: Mono) -> Result<Read, StoreError> {
        if self.oversized.is_left_alone(&node, now) {
            return Ok(Read::Oversized(node));
        }
        let record = self.keys.record(&node);
        let mut ask = if self.whole { redis::cmd("HGETALL") } else { redis::cmd("HGET") };
        ask.arg(&record);
        if !self.whole {
            ask.arg("@");
        }
        let mut ask_ttl = redis::cmd("PTTL");
        ask_ttl.arg(&record);
        let (mut connection, mut second) = (self.commands.connection(), self.commands.connection());
        let fields = async {
            let fields =
                fields(StoreError::within(self.patience, ask.query_async(&mut connection)).await, self.whole);
            if matches!(fields, Ok(Fields::Oversized)) {
                self.oversized.leave_alone(&node, now);
            }
            fields
        };
        let ttl = StoreError::within(self.patience, ask_ttl.query_async::<i64>(&mut second));
        let (fields, left) = join(fields, ttl).await;
        Ok(match (fields?, left?) {
            (Fields::Oversized, _) => Read::Oversized(node),
            (Fields::Foreign, _) => Read::Foreign(node),
            (Fields::Found(fields), left) if fields.is_empty() || left == -2 => Read::Absent(node),
            (Fields::Found(fields), left) => {
                let ttl = u64::try_from(left).ok().map(Duration::from_millis);
                Read::Found(Raw { node, fields, ttl })
            }
        })
    }
}

enum Fields {
    Found(HashMap<Vec<u8>, Vec<u8>>),
    Foreign,
    Oversized,
}

fn fields(answer: Result<Value, StoreError>, whole: bool) -> Result<Fields, StoreError> {
    let answer = match answer {
        Ok(answer) => answer,
        Err(StoreError::Redis(error)) if code(&error) == "WRONGTYPE" => return Ok(Fields::Foreign),
        Err(error) => return Err(error),
    };
    let fields = if whole {
        HashMap::from_redis_value(answer)
    } else {
        let header: RedisResult<_> = Option::<Vec<u8>>::from_redis_value(answer).map_err(Into::into);
        return Ok(match header? {
            Some(header) if header.is_empty() => Fields::Oversized,
            header => Fields::Found(header.map(|header| (b"@".to_vec(), header)).into_iter().collect()),
        });
    };
    let fields: HashMap<Vec<u8>, Vec<u8>> = fields.map_err(redis::RedisError::from)?;
    // What is too long comes as nothing, and nothing is what no node writes.
    if fields.len() > FIELDS || fields.values().any(Vec::is_empty) {
        return Ok(Fields::Oversized);
    }
    Ok(Fields::Found(fields))
}

/// A connection whose pushes go to the inbox.
async fn pushed(server: &Server, inbox: &Arc<Inbox>) -> Result<Commands, StoreError> {
    let inbox = Arc::clone(inbox);
    let receive = move |push: PushInfo| {
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
    server.pushed(receive).await
}
