-- Holds a project's bucket back, by Redis's own clock. A longer pause stays.
-- KEYS[1] push:rate:{project}, as in take.lua
-- ARGV[1] how long, in ms
-- Returns 1.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local pause = now + tonumber(ARGV[1])
if pause > tonumber(redis.call('HGET', KEYS[1], 'pause') or '0') then
  redis.call('HSET', KEYS[1], 'pause', string.format('%.0f', pause))
end
redis.call('PEXPIRE', KEYS[1], math.max(3600000, tonumber(ARGV[1])))
return 1
