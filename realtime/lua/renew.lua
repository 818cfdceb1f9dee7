-- Keeps a board's lease, or gives it up.
--
-- KEYS[1] lease    string: the publisher's epoch
-- KEYS[2] meta     KEYS[3] log
-- ARGV[1] the caller's epoch    ARGV[2] lease, ms; 0 gives it up
-- ARGV[3] how long meta and log are kept, ms
-- Returns 1, or 0 when the lease is not the caller's.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then
  redis.call('DEL', KEYS[1])
  return 1
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
redis.call('PEXPIRE', KEYS[3], ARGV[3])
return 1
