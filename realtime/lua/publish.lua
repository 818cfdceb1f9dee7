-- Puts one event into a log feed, once.
--
-- KEYS[1] meta    hash: e epoch, o offset of the last event
-- KEYS[2] log     stream, ids "<offset>-0", fields i id, n name, d data
-- KEYS[3] id      string "<epoch> <offset>": where this event id went before
-- ARGV[1] epoch to begin with where the feed has none
-- ARGV[2] event id    ARGV[3] name    ARGV[4] data, JSON
-- ARGV[5] now, ms     ARGV[6] events to keep    ARGV[7] history's age, ms
-- ARGV[8] how long the event id is remembered, ms
-- ARGV[9] how long the meta is kept, ms    ARGV[10] channel to wake
-- Returns {epoch, offset as a string, 1 if it was new, 0 if known}.
local known = redis.call('GET', KEYS[3])
if known then
  local e, o = string.match(known, '^(%S+) (%d+)$')
  return {e, o, 0}
end
local epoch = redis.call('HGET', KEYS[1], 'e')
if not epoch then
  -- The meta is gone: whatever the stream holds belongs to an epoch nobody knows.
  redis.call('DEL', KEYS[2])
  epoch = ARGV[1]
  redis.call('HSET', KEYS[1], 'e', epoch, 'o', '0')
end
local offset = string.format('%.0f', redis.call('HINCRBY', KEYS[1], 'o', 1))
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[6], offset .. '-0', 'i', ARGV[2], 'n', ARGV[3], 'd', ARGV[4], 't', ARGV[5])
-- By age: a publication takes out up to 16 events that are too old, so that the
-- work of one call is bounded. Mostly none is, and one look tells.
local function age(entry)
  local fields = entry[2]
  for i = 1, #fields, 2 do
    if fields[i] == 't' then return tonumber(ARGV[5]) - tonumber(fields[i + 1]) end
  end
  return 0
end
local oldest = tonumber(ARGV[7])
if age(redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)[1]) > oldest then
  for _, entry in ipairs(redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 16)) do
    if age(entry) <= oldest then break end
    redis.call('XDEL', KEYS[2], entry[1])
  end
end
redis.call('PEXPIRE', KEYS[1], ARGV[9])
redis.call('PEXPIRE', KEYS[2], ARGV[7])
redis.call('SET', KEYS[3], epoch .. ' ' .. offset, 'PX', ARGV[8])
redis.call('PUBLISH', ARGV[10], '')
return {epoch, offset, 1}
