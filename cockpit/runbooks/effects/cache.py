"""Effects of Redis commands, by name."""

from __future__ import annotations

from cockpit.model.command import Call
from cockpit.runbooks.effects.ruling import Ruling, changes, destroys, names, pairs, reads, texts, unknown

_READS = names(
    """
    BITCOUNT BITFIELD_RO BITPOS COMMAND DBSIZE DUMP ECHO EXISTS EXPIRETIME GEODIST GEOHASH GEOPOS GEORADIUS_RO
    GEOSEARCH GET GETBIT GETRANGE HEXISTS HGET HGETALL HKEYS HLEN HMGET HRANDFIELD HSCAN HSTRLEN HVALS INFO
    KEYS LASTSAVE LCS LINDEX LLEN LOLWUT LPOS LRANGE MGET PEXPIRETIME PFCOUNT PING PTTL RANDOMKEY ROLE SCAN
    SCARD SDIFF SINTER SINTERCARD SISMEMBER SMEMBERS SMISMEMBER SORT_RO SRANDMEMBER SSCAN STRLEN SUBSTR SUNION
    TIME TTL TYPE XINFO XLEN XPENDING XRANGE XREAD XREVRANGE ZCARD ZCOUNT ZDIFF ZINTER ZINTERCARD ZLEXCOUNT
    ZMSCORE ZRANDMEMBER ZRANGE ZRANGEBYLEX ZRANGEBYSCORE ZRANK ZREVRANGE ZREVRANGEBYLEX ZREVRANGEBYSCORE
    ZREVRANK ZSCAN ZSCORE ZUNION AUTH HELLO SELECT QUIT EXIT SUBSCRIBE PSUBSCRIBE UNSUBSCRIBE READONLY MONITOR
    EVAL_RO EVALSHA_RO FCALL_RO
    """
)
_PAIRS = pairs(
    """
    ACL CAT ACL DRYRUN ACL GETUSER ACL HELP ACL LIST ACL LOG ACL USERS ACL WHOAMI CLIENT GETNAME CLIENT ID
    CLIENT INFO CLIENT LIST CLIENT HELP CLIENT TRACKINGINFO CLUSTER INFO CLUSTER KEYSLOT CLUSTER NODES CLUSTER
    SHARDS CLUSTER SLOTS CLUSTER REPLICAS CLUSTER COUNTKEYSINSLOT CLUSTER MYID CONFIG GET CONFIG HELP FUNCTION
    LIST FUNCTION STATS LATENCY DOCTOR LATENCY GRAPH LATENCY HISTORY LATENCY HISTOGRAM LATENCY LATEST MEMORY
    DOCTOR MEMORY STATS MEMORY USAGE MEMORY MALLOC-STATS MODULE LIST OBJECT ENCODING OBJECT FREQ OBJECT
    IDLETIME OBJECT REFCOUNT PUBSUB CHANNELS PUBSUB NUMPAT PUBSUB NUMSUB SCRIPT EXISTS SLOWLOG GET SLOWLOG LEN
    SLOWLOG HELP SENTINEL MASTERS SENTINEL MASTER SENTINEL REPLICAS SENTINEL SENTINELS SENTINEL
    GET-MASTER-ADDR-BY-NAME SENTINEL CKQUORUM XINFO STREAM XINFO GROUPS XINFO CONSUMERS
    """
)
_FAMILIES = frozenset(pair.split()[0] for pair in _PAIRS) - _READS
_DESTROYS = {
    "FLUSHDB": "every key of the database is deleted, whoever they belong to",
    "FLUSHALL": "every key of every database is deleted, whoever they belong to",
    "DEL": "the keys are deleted",
    "UNLINK": "the keys are deleted",
    "GETDEL": "the key is deleted",
    "SHUTDOWN": "the server stops",
    "DEBUG": "it may stop or freeze the server",
    "FAILOVER": "the primary hands over, and connections break",
    "SWAPDB": "two databases change places under whoever uses them",
    "REPLICAOF": "the server throws its data away and follows another, or stops following",
    "SLAVEOF": "the server throws its data away and follows another, or stops following",
    "RESTORE": "it puts an old value over the key",
    "MIGRATE": "the keys move to another server",
    "RENAME": "a key of the new name is overwritten",
    "XTRIM": "entries are deleted",
    "XDEL": "entries are deleted",
    "LTRIM": "entries are deleted",
    "SPOP": "entries are taken away",
}
_DESTROYS |= dict.fromkeys(
    names(
        """
    HDEL LREM SREM ZREM ZREMRANGEBYRANK ZREMRANGEBYSCORE ZREMRANGEBYLEX LPOP RPOP ZPOPMIN ZPOPMAX BLPOP BRPOP
    LMPOP ZMPOP GETSET
    """
    ),
    "entries are taken away",
)
_DESTROYING_PAIRS = pairs(
    """
    CLIENT KILL CLIENT PAUSE CLUSTER RESET CLUSTER FAILOVER CLUSTER FORGET CLUSTER FLUSHSLOTS CLUSTER DELSLOTS
    SCRIPT FLUSH FUNCTION FLUSH FUNCTION DELETE XGROUP DESTROY ACL DELUSER SENTINEL FAILOVER SENTINEL REMOVE
    """
)
_CHANGES = names(
    """
    APPEND BGREWRITEAOF BGSAVE BITFIELD BITOP COPY DECR DECRBY EXPIRE EXPIREAT GEOADD GETEX HINCRBY
    HINCRBYFLOAT HMSET HSET HSETNX INCR INCRBY INCRBYFLOAT LINSERT LMOVE LPUSH LPUSHX LSET MOVE MSET MSETNX
    PERSIST PEXPIRE PEXPIREAT PFADD PFMERGE PSETEX PUBLISH RPOPLPUSH RPUSH RPUSHX SADD SAVE SDIFFSTORE SET
    SETBIT SETEX SETNX SETRANGE SINTERSTORE SMOVE SUNIONSTORE TOUCH XACK XADD XAUTOCLAIM XCLAIM XGROUP ZADD
    ZINCRBY ZINTERSTORE ZRANGESTORE ZUNIONSTORE CONFIG CLIENT ACL CLUSTER LATENCY MEMORY MODULE SCRIPT SLOWLOG
    SENTINEL RENAMENX MULTI EXEC DISCARD WATCH
    """
)
_LOOKS = names(
    """
    --bigkeys --memkeys --hotkeys --stat --latency --latency-history --latency-dist --scan --intrinsic-latency
    --version --help
    """
)
_SLOW = {
    "KEYS": "KEYS only reads, but holds the server up while it walks through every key",
    "MONITOR": "MONITOR only reads, but slows the server down and runs until it is stopped",
    "SUBSCRIBE": "SUBSCRIBE only reads; it runs until it is stopped",
    "PSUBSCRIBE": "PSUBSCRIBE only reads; it runs until it is stopped",
}


def redis(call: Call) -> Ruling:
    """By the name of the command, and its second word where the name is a family."""
    words = [word.upper() for word in (*call.verb.split(), *texts(call))]
    flags = _flags(call)
    if not words:
        return _client(call)
    verb, pair = words[0], " ".join(words[:2])
    if not flags.keys().isdisjoint(("--eval", "--pipe", "--rdb", "--functions-rdb", "--cluster")):
        return _client(call)
    if verb in _SLOW:
        return reads(_SLOW[verb])
    if pair in _PAIRS and words[1:3] != ["LOG", "RESET"]:
        return reads(f"{pair} only reads")
    if pair in _DESTROYING_PAIRS:
        return destroys(f"{pair} takes something away from whoever uses it")
    if verb in _DESTROYS:
        return destroys(_DESTROYS[verb])
    if verb in _READS and verb not in _FAMILIES:
        return reads(f"{verb} only reads")
    if verb == "SORT":
        return changes("SORT stores its result") if "STORE" in words else reads("SORT only reads")
    if verb == "GEORADIUS":
        return changes("it may store its result")
    if verb in _CHANGES:
        return changes(f"{pair if verb in _FAMILIES else verb} changes data or settings of the server")
    if verb in ("EVAL", "EVALSHA", "FCALL"):
        return unknown("the script that it runs was not looked at")
    return unknown(f"{verb} is not a Redis command that the cockpit knows")


def _flags(call: Call) -> dict[str, tuple[str, ...]]:
    """Of redis-cli itself, which may stand around the command."""
    clients = (wrapper for wrapper in call.within if "redis" in wrapper.tool)
    around = {flag: values for wrapper in clients for flag, values in wrapper.flags.items()}
    return {**around, **call.flags}


def _client(call: Call) -> Ruling:
    """redis-cli without a command."""
    flags = _flags(call)
    if "--eval" in flags:
        return unknown("the script that it runs was not looked at")
    if "--rdb" in flags or "--functions-rdb" in flags:
        return changes("it writes a copy of the data to a file")
    if "--cluster" in flags:
        value = flags["--cluster"][-1].split()
        return (
            reads("it only looks at the cluster")
            if value[:1] in (["check"], ["info"])
            else unknown("what it does to the cluster is not known")
        )
    fed = call.piped or any(redirect.operator in ("<", "<<", "<<<") for redirect in call.redirects)
    if fed or "--pipe" in flags:
        return destroys("it runs whatever commands it is fed, over what is in the server")
    if not flags.keys().isdisjoint(_LOOKS):
        return reads("it only looks")
    return unknown("it opens a session in which anything can be typed")
