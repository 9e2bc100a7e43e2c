"""What the bus keeps in Redis: its keys and the scripts that change them in one go.

Every key ends some time after the last who used it. A database of the server is one hub's.
"""

from __future__ import annotations

from hub.model import DialogId, ProjectId

HEAD, EVENTS, WAKES = "hub:events:head", "hub:events", "hub:wakes"


def presence_key(project: ProjectId) -> str:
    return f"hub:presence:{project}"


def looks_key(dialog: DialogId) -> str:
    return f"hub:looks:{dialog}"


def limit_key(key: str) -> str:
    return f"hub:limit:{key}"


# KEYS head, events, wakes; ARGV an epoch in case one is needed.
_HEAD = """
local epoch = redis.call('HGET', KEYS[1], 'epoch')
local number = tonumber(redis.call('HGET', KEYS[1], 'number') or '0')
local function begin()
  epoch, number = ARGV[1], 0
  redis.call('DEL', KEYS[1], KEYS[2])
  redis.call('HSET', KEYS[1], 'epoch', epoch, 'number', 0)
end
if not epoch or (number > 0 and redis.call('EXISTS', KEYS[2]) == 0) then begin() end
"""
WHERE = (
    _HEAD
    + """
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return {epoch, number}
"""
)
# ARGV more: how long keys last, the server's run. What another run kept may be old, and its
# numbers were given before.
ARRIVE = (
    _HEAD
    + """
local run = redis.call('HGET', KEYS[1], 'run')
if run and run ~= ARGV[3] then begin() end
redis.call('HSET', KEYS[1], 'run', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
local last = redis.call('XREVRANGE', KEYS[3], '+', '-', 'COUNT', 1)
return {epoch, number, last[1] and last[1][1] or '0-0'}
"""
)
# ARGV more: how long keys last, who says it, how many events to keep, whether to begin a new
# epoch, how many events, then the events, then the names to wake.
SAY = (
    _HEAD
    + """
if ARGV[5] == '1' then
  local run = redis.call('HGET', KEYS[1], 'run')
  begin()
  if run then redis.call('HSET', KEYS[1], 'run', run) end
end
local count = tonumber(ARGV[6])
for i = 7, 6 + count do
  number = number + 1
  redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[4], number .. '-0', 'e', epoch, 'w', ARGV[i])
end
redis.call('HSET', KEYS[1], 'number', number)
for i = 7 + count, #ARGV do
  redis.call('XADD', KEYS[3], 'MAXLEN', '~', 100, '*', 'e', epoch, 'n', ARGV[i], 'by', ARGV[3])
end
for i = 1, 3 do redis.call('PEXPIRE', KEYS[i], ARGV[2]) end
return {epoch, number}
"""
)
# KEYS limit; ARGV turns, period in ms. The answer is in microseconds, 0 for a turn taken.
ALLOW = """
local time = redis.call('TIME')
local at = time[1] * 1000 + time[2] / 1000
local rate, period = tonumber(ARGV[1]), tonumber(ARGV[2])
local had = redis.call('HMGET', KEYS[1], 'turns', 'at')
local turns = rate
if had[1] then
  turns = math.min(rate, tonumber(had[1]) + math.max(0, at - tonumber(had[2])) * rate / period)
end
local wait = 0
if turns >= 1 then turns = turns - 1 else wait = math.ceil((1 - turns) * period / rate * 1000) end
redis.call('HSET', KEYS[1], 'turns', string.format('%.9f', turns), 'at', string.format('%.3f', at))
redis.call('PEXPIRE', KEYS[1], math.max(1, math.ceil(period)))
return wait
"""
# KEYS presence; ARGV operator, process, presence, how long in ms. Each process vouches for its
# own sockets, so one that sees an operator leave takes nothing from the others.
APPEAR = """
local field, lasts = ARGV[1] .. ' ' .. ARGV[2], tonumber(ARGV[4])
if lasts <= 0 then return redis.call('HDEL', KEYS[1], field) end
local time = redis.call('TIME')
local at = time[1] * 1000000 + time[2]
redis.call('HSET', KEYS[1], field, string.format('%.0f %.0f ', at + lasts * 1000, at) .. ARGV[3])
if redis.call('PTTL', KEYS[1]) < lasts then redis.call('PEXPIRE', KEYS[1], lasts) end
return 1
"""
PRESENT = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local all, here, newest = redis.call('HGETALL', KEYS[1]), {}, {}
for i = 1, #all, 2 do
  local untill, at, presence = string.match(all[i + 1], '^(%d+) (%d+) (.*)$')
  local who = string.match(all[i], '^(.*) [^ ]*$')
  if tonumber(untill) <= now then
    redis.call('HDEL', KEYS[1], all[i])
  elseif not newest[who] or tonumber(at) > newest[who] then
    newest[who], here[who] = tonumber(at), presence
  end
end
local told = {}
for who, presence in pairs(here) do told[#told + 1] = who told[#told + 1] = presence end
return told
"""
