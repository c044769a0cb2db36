"""Redis commands: what a line typed into redis-cli, or handed to it, asks for."""

from __future__ import annotations

import re

from cockpit.model.command import Word
from cockpit.runbooks.shell.tool import names
from cockpit.runbooks.shell.words import word

CONTAINERS = names(
    """
        ACL CLIENT CLUSTER COMMAND CONFIG DEBUG FUNCTION LATENCY MEMORY MODULE OBJECT PUBSUB SCRIPT SLOWLOG
        XGROUP XINFO
        """
)
COMMANDS = CONTAINERS | names(
    """
    APPEND ASKING AUTH BGREWRITEAOF BGSAVE BITCOUNT BITFIELD BITOP BITPOS BLMOVE BLMPOP BLPOP BRPOP BRPOPLPUSH
    BZMPOP BZPOPMAX BZPOPMIN COPY DBSIZE DECR DECRBY DEL DISCARD DUMP ECHO EVAL EVALSHA EVAL_RO EXEC EXISTS
    EXPIRE EXPIREAT EXPIRETIME FAILOVER FCALL FCALL_RO FLUSHALL FLUSHDB GEOADD GEODIST GEOHASH GEOPOS GEOSEARCH
    GET GETBIT GETDEL GETEX GETRANGE GETSET HDEL HELLO HEXISTS HGET HGETALL HINCRBY HINCRBYFLOAT HKEYS HLEN
    HMGET HMSET HRANDFIELD HSCAN HSET HSETNX HSTRLEN HVALS INCR INCRBY INCRBYFLOAT INFO KEYS LASTSAVE LCS LINDEX
    LINSERT LLEN LMOVE LMPOP LPOP LPOS LPUSH LPUSHX LRANGE LREM LSET LTRIM LOLWUT MGET MIGRATE MONITOR MOVE MSET
    MSETNX MULTI PERSIST PEXPIRE PEXPIREAT PFADD PFCOUNT PFMERGE PING PSETEX PSUBSCRIBE PSYNC PTTL PUBLISH
    PUNSUBSCRIBE QUIT RANDOMKEY READONLY READWRITE RENAME RENAMENX REPLICAOF RESET RESTORE ROLE RPOP RPOPLPUSH
    RPUSH RPUSHX SADD SAVE SCAN SCARD SDIFF SDIFFSTORE SELECT SET SETBIT SETEX SETNX SETRANGE SHUTDOWN SINTER
    SINTERCARD SINTERSTORE SISMEMBER SLAVEOF SMEMBERS SMISMEMBER SMOVE SORT SORT_RO SPOP SPUBLISH SRANDMEMBER
    SREM SSCAN SSUBSCRIBE STRLEN SUBSCRIBE SUBSTR SUNION SUNIONSTORE SWAPDB SYNC TIME TOUCH TTL TYPE UNLINK
    UNSUBSCRIBE UNWATCH WAIT WAITAOF WATCH XACK XADD XAUTOCLAIM XCLAIM XDEL XLEN XPENDING XRANGE XREAD
    XREADGROUP XREVRANGE XTRIM ZADD ZCARD ZCOUNT ZDIFF ZINCRBY ZINTER ZLEXCOUNT ZMPOP ZMSCORE ZPOPMAX ZPOPMIN
    ZRANDMEMBER ZRANGE ZRANGEBYSCORE ZRANK ZREM ZREMRANGEBYRANK ZREMRANGEBYSCORE ZREVRANGE ZREVRANGEBYSCORE
    ZREVRANK ZSCAN ZSCORE ZUNION
    """
)
_WORDS = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|[^\s\"']+")
# All of its quotes close. Where one does not, each later quote would be followed to the end of the line again.
_CLOSED = re.compile(r"(?:\"(?:[^\"\\]|\\.)*+\"|'(?:[^'\\]|\\.)*+'|[^\"'])*+\Z", re.DOTALL)
_MOST_QUOTES = 128
_KEYWORDS = names(
    """
        ID ADDR LADDR TYPE USER COUNT MATCH KEY NODE NODES SAMPLES TIMESTAMP MESSAGE SOURCE SIZE
        """
)


def starts(line: str, *, typed: bool) -> bool:
    """Whether a line is a Redis command. `typed`: into an open redis-cli, where lower case counts too."""
    first, _, rest = line.partition(" ")
    name = first.upper()
    if name not in COMMANDS or (not typed and first != name):
        return False
    if not typed and name in (
        "SELECT",
        "SET",
        "COPY",
        "TIME",
        "DISCARD",
        "MOVE",
        "RESTORE",
        "GET",
        "ECHO",
        "WAIT",
        "EXEC",
    ):
        return False
    return typed or name not in CONTAINERS or bool(rest.strip())


def words_of(line: str) -> list[Word]:
    """A command line of redis-cli -> its words; no shell looks at it, so `*` and `$` mean themselves."""
    if line.count('"') + line.count("'") > _MOST_QUOTES and not _CLOSED.match(line):
        parts = line.split()
    else:
        parts = [match.group() for match in _WORDS.finditer(line)]
    return [plain(word(each, first=index == 0)) for index, each in enumerate(parts)]


def plain(each: Word) -> Word:
    """Nothing in it is expanded by a shell, and the protocol's own words are not placeholders."""
    kept = tuple(
        mark
        for mark in each.placeholders
        if mark.style.name in ("ANGLE", "CAPITALS") and mark.spelled not in _KEYWORDS
    )
    return Word(each.text, each.source, kept)


def verb_of(words: list[Word]) -> tuple[str, list[Word]]:
    """ "CONFIG SET" with what follows; upper case."""
    if not words:
        return "", []
    name = words[0].text.upper()
    if name in CONTAINERS and len(words) > 1 and name != "DEBUG":
        return f"{name} {words[1].text.upper()}", words[2:]
    return name, words[1:]
