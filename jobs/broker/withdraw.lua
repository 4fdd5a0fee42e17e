-- Win the next claim so that the attempt never starts: a cancel or an expiry. Returns who holds the claim otherwise.
-- KEYS: claim, journal.  ARGV: job, attempt, event.
local now = redis.call('TIME')
local ms_text = string.format('%.0f', now[1] * 1000 + math.floor(now[2] / 1000))
if redis.call('SET', KEYS[1], 'over ' .. ms_text .. ' - - ' .. ARGV[3], 'NX') then
  redis.call('XADD', KEYS[2], '*', 'k', 'withdrawn', 'j', ARGV[1], 'n', ARGV[2], 't', ms_text, 'b', ARGV[3])
  return ''
end
return redis.call('GET', KEYS[1])
