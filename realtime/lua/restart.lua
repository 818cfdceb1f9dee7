-- Gives a feed a new epoch: a node saw that Redis went back in time, so that
-- offsets of this epoch have meant two things.
--
-- KEYS[1] meta    hash: e epoch, o offset
-- KEYS[2] log     stream
-- ARGV[1] the epoch that was seen    ARGV[2] the new one
-- ARGV[3] how long the meta is kept, ms    ARGV[4] channel to wake
-- Returns 1 if the epoch was changed, 0 if somebody changed it before.
if redis.call('HGET', KEYS[1], 'e') ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[1], 'e', ARGV[2], 'o', '0')
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('PUBLISH', ARGV[4], '')
return 1
