-- Takes, keeps or gives back the lease of a campaign's sweep.
--
-- KEYS[1]  the lease (string)
-- ARGV[1]  the caller's token
-- ARGV[2]  for how many milliseconds; 0 gives it back
--
-- Returns 1 when the caller holds the lease (or held it, when it gives it
-- back), 0 when somebody else does or nobody did.

local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then return redis.call('DEL', KEYS[1]) end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
