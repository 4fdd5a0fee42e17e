-- Put a running attempt's claim back where Redis lost it, and say once more that it started.
-- KEYS: claim, journal.  ARGV: executor, job, attempt, body, started_ms.
if redis.call('SET', KEYS[1], 'run ' .. ARGV[5] .. ' ' .. ARGV[1], 'NX') then
  redis.call('XADD', KEYS[2], '*', 'k', 'started', 'j', ARGV[2], 'n', ARGV[3], 't', ARGV[5], 'b', ARGV[4])
  return 1
end
return 0
