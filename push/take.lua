-- Takes messages from a project's bucket, by Redis's own clock.
-- KEYS[1] push:rate:{project}, a hash: tokens (left), at (ms, when counted), pause (ms, until)
-- ARGV[1] messages a minute  ARGV[2] capacity  ARGV[3] wanted  ARGV[4] kept for others
-- Returns how many of the wanted may be sent now; 0 during a pause.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local rate, capacity = tonumber(ARGV[1]), tonumber(ARGV[2])
if tonumber(redis.call('HGET', KEYS[1], 'pause') or '0') > now then
  return 0
end
local tokens = tonumber(redis.call('HGET', KEYS[1], 'tokens') or ARGV[2])
local at = tonumber(redis.call('HGET', KEYS[1], 'at') or '0')
-- A clock that went back (another Redis took over) gives nothing for free.
tokens = math.min(capacity, tokens + math.max(0, now - at) * rate / 60000)
local granted = math.max(0, math.floor(math.min(tonumber(ARGV[3]), tokens - tonumber(ARGV[4]))))
redis.call('HSET', KEYS[1], 'tokens', string.format('%.3f', tokens - granted), 'at', string.format('%.0f', now))
redis.call('PEXPIRE', KEYS[1], 3600000)
return granted
