-- Replays requests that were drawn beforehand, so that every server is asked exactly the same ones in the same order
-- and drawing them costs wrk nothing while it measures.
-- Arguments after "--": the method, and a file with one request a line, its path and its body parted by a tab.

local threads = 0

function setup(thread)
  thread:set("thread_number", threads)
  threads = threads + 1
end

local requests = {}
local turn = 0

function init(arguments)
  local method, file = arguments[1], arguments[2]
  for line in io.lines(file) do
    local path, body = line:match("^([^\t]*)\t(.*)$")
    local headers = {}
    for name, value in pairs(wrk.headers) do headers[name] = value end
    if body == "" then body = nil else headers["Content-Type"] = "application/json" end
    requests[#requests + 1] = wrk.format(method, path, headers, body)
  end
  -- Threads begin at different places, so that they do not ask for one row together.
  turn = math.floor(#requests / 2) * (thread_number % 2)
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

function done(summary, latency)
  local failed = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  io.write(string.format(
    '\nreport {"requests":%d,"microseconds":%d,"p50":%d,"p99":%d,"refused":%d,"failed":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), summary.errors.status, failed))
end
