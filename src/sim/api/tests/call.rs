//! A client that is no SDK: writes requests byte by byte, so that each part of them can be wrong.

use http::HeaderMap;
use jiff::Timestamp;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::sim::{
    Options, Region,
    api::sigv4::{Credentials, Signed, authorize},
    options::Plus,
};

/// A region and its keys.
pub(super) struct Caller {
    pub(super) region: Region,
    pub(super) credentials: Credentials,
    /// Of temporary keys.
    pub(super) token: Option<String>,
    pub(super) scope: &'static str,
    pub(super) date: String,
}

/// An answer, taken apart.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Reply {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// `Code: message` of an error, of any protocol.
    pub(super) fn error(&self) -> String {
        assert!(self.status >= 400, "{self:?}");
        let between = |open: &str, close: &str| {
            let from = self.body.find(open)? + open.len();
            Some(self.body[from..from + self.body[from..].find(close)?].to_owned())
        };
        if self.body.starts_with('{') {
            let json = self.json();
            let message = json["message"].as_str().or(json["Message"].as_str()).unwrap_or_default();
            return format!("{} {}: {message}", self.status, json["__type"].as_str().unwrap());
        }
        let code = between("<Code>", "</Code>").unwrap_or_else(|| panic!("{self:?}"));
        format!("{} {code}: {}", self.status, between("<Message>", "</Message>").unwrap())
    }
}

impl Caller {
    pub(super) async fn of(options: Options) -> Caller {
        let region = Region::start(options).await.unwrap();
        let [_, _, (_, id), (_, secret), _] = region.environment();
        let credentials = Credentials { access_key_id: id, secret_access_key: secret };
        let date = Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
        Caller { region, credentials, token: None, scope: "eu-west-1", date }
    }

    pub(super) async fn with(fault: &str) -> Caller {
        Caller::of(Options { faults: vec![fault.parse().unwrap()], ..Options::default() }).await
    }

    pub(super) async fn ssm(&self, operation: &str, body: Value) -> Reply {
        self.ssm_raw(operation, &body.to_string()).await
    }

    pub(super) async fn ssm_raw(&self, operation: &str, body: &str) -> Reply {
        let target = format!("AmazonSSM.{operation}");
        self.post("ssm", &[("x-amz-target", &target), ("content-type", "application/x-amz-json-1.1")], body)
            .await
    }

    pub(super) async fn kms(&self, operation: &str, body: Value) -> Reply {
        self.json("TrentService", "kms", operation, body).await
    }

    pub(super) async fn ecs(&self, operation: &str, body: Value) -> Reply {
        self.json("AmazonEC2ContainerServiceV20141113", "ecs", operation, body).await
    }

    pub(super) async fn instance_connect(&self, operation: &str, body: Value) -> Reply {
        self.json("AWSEC2InstanceConnectService", "ec2-instance-connect", operation, body).await
    }

    async fn json(&self, prefix: &str, service: &str, operation: &str, body: Value) -> Reply {
        let target = format!("{prefix}.{operation}");
        let headers = [("x-amz-target", target.as_str()), ("content-type", "application/x-amz-json-1.1")];
        self.post(service, &headers, &body.to_string()).await
    }

    pub(super) async fn ec2(&self, form: &str) -> Reply {
        self.post("ec2", &[], &format!("{form}&Version=2016-11-15")).await
    }

    pub(super) async fn sts(&self, form: &str) -> Reply {
        self.post("sts", &[], &format!("{form}&Version=2011-06-15")).await
    }

    pub(super) async fn iam(&self, form: &str) -> Reply {
        self.post("iam", &[], &format!("{form}&Version=2010-05-08")).await
    }

    pub(super) async fn post(&self, service: &str, extra: &[(&'static str, &str)], body: &str) -> Reply {
        let host = self.region.address().to_string();
        let mut headers = vec![("host", host.as_str()), ("x-amz-date", &self.date)];
        headers.extend_from_slice(extra);
        headers.extend(self.token.as_deref().map(|token| ("x-amz-security-token", token)));
        let authorization = self.sign("POST", "/", "", service, &headers, body);
        headers.push(("authorization", &authorization));
        self.send("POST", "/", &headers, body).await
    }

    pub(super) fn sign(
        &self,
        method: &str,
        path: &str,
        query: &str,
        service: &str,
        headers: &[(&'static str, &str)],
        body: &str,
    ) -> String {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| ((*name).parse().unwrap(), value.parse().unwrap()))
            .collect::<HeaderMap>();
        let signed = Signed { method, path, query, headers: &headers, body: body.as_bytes() };
        let scope = if service == "iam" { "us-east-1" } else { self.scope };
        authorize(&signed, (scope, service), &self.credentials, &self.date, Plus::Space)
    }

    /// Sends exactly this and reads the whole answer.
    pub(super) async fn send(
        &self,
        method: &str,
        target: &str,
        headers: &[(&'static str, &str)],
        body: &str,
    ) -> Reply {
        let mut text = format!("{method} {target} HTTP/1.1\r\n");
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
        let mut stream = TcpStream::connect(self.region.address()).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        read_reply(&mut stream).await
    }
}

/// Reads one answer: its head, then as many bytes as it announces.
pub(super) async fn read_reply(stream: &mut TcpStream) -> Reply {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        assert!(
            stream.read_buf(&mut bytes).await.unwrap() > 0,
            "no head: {}",
            String::from_utf8_lossy(&bytes)
        );
    };
    let text = String::from_utf8(bytes[..head].to_vec()).unwrap();
    let mut lines = text.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers: HeaderMap = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
        .collect::<HeaderMap>();
    let length: usize =
        headers.get("content-length").map_or(0, |length| length.to_str().unwrap().parse().unwrap());
    while bytes.len() < head + length {
        assert!(stream.read_buf(&mut bytes).await.unwrap() > 0, "body cut short");
    }
    Reply { status, headers, body: String::from_utf8(bytes[head..head + length].to_vec()).unwrap() }
}
