//! The scripts. Each script reads, decides and writes one key in one step, which makes conditions atomic.

use redis::Cmd;
use std::sync::LazyLock;

/// A script, and its name at a server that has seen the script.
pub(super) struct Script {
    code: &'static str,
    name: LazyLock<String>,
}

/// What a script returns.
pub(super) const DONE: i64 = 1;
/// The value there has this write's own id.
pub(super) const OWN: i64 = 2;
pub(super) const EXISTS: i64 = 3;
pub(super) const CHANGED: i64 = 4;
/// The key holds something that evenkeel did not write.
pub(super) const FOREIGN: i64 = 5;

/// Stores a value. ARGV: value, write id, condition (`always`, `absent`, `version`), version, life in milliseconds, or
/// nothing for no expiry, or `kept`.
///
/// The first write is a command that a server without memory refuses. (The server would not refuse a DEL, and would
/// then let the rest pass.) Field `e` repeats the expiry, so that one command reads everything.
pub(super) static PUT: Script = Script {
    code: PUT_CODE,
    name: LazyLock::new(|| name(PUT_CODE)),
};

const PUT_CODE: &str = "local there = redis.call('HGET', KEYS[1], 'i')
if not there and redis.call('EXISTS', KEYS[1]) == 1 then return 5 end
if ARGV[3] ~= 'always' and there == ARGV[2] then return 2 end
if ARGV[3] == 'absent' and there then return 3 end
if ARGV[3] == 'version' and there ~= ARGV[4] then return 4 end
redis.call('HSET', KEYS[1], 'v', ARGV[1], 'i', ARGV[2])
if ARGV[5] == 'kept' then return 1 end
if ARGV[5] == '' then
  redis.call('HDEL', KEYS[1], 'e')
  redis.call('PERSIST', KEYS[1])
else
  local now = redis.call('TIME')
  local at = string.format('%.0f', now[1] * 1000 + math.floor(now[2] / 1000) + ARGV[5])
  redis.call('HSET', KEYS[1], 'e', at)
  redis.call('PEXPIREAT', KEYS[1], at)
end
return 1";

/// Removes a value of this version. ARGV: version.
pub(super) static DELETE: Script = Script {
    code: DELETE_CODE,
    name: LazyLock::new(|| name(DELETE_CODE)),
};

const DELETE_CODE: &str = "if redis.call('HGET', KEYS[1], 'i') ~= ARGV[1] then return 4 end
redis.call('DEL', KEYS[1])
return 1";

fn name(code: &str) -> String {
    redis::Script::new(code).get_hash().to_owned()
}

impl Script {
    /// A call by name, for a server that has seen the script.
    pub(super) fn by_name(&self, key: &[u8], arguments: &[&[u8]]) -> Cmd {
        call("EVALSHA", &self.name, key, arguments)
    }

    /// A call with the script itself.
    pub(super) fn whole(&self, key: &[u8], arguments: &[&[u8]]) -> Cmd {
        call("EVAL", self.code, key, arguments)
    }
}

fn call(command: &str, script: &str, key: &[u8], arguments: &[&[u8]]) -> Cmd {
    let mut call = redis::cmd(command);
    call.arg(script).arg(1).arg(key);
    for argument in arguments {
        call.arg(argument);
    }
    call
}
