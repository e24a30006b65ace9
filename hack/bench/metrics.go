package main

// metric is one row of the table.
type metric struct {
	key, label string
	digits     int // after the decimal point
	// value of one sample; false when it means nothing for that server.
	value func(s sample, t target) (float64, bool)
	// compare: ratios are shown; goal is the ratio to Kamailio aimed at
	// (0: none).
	compare bool
	goal    float64
}

// metrics in the order of the rows.
func metrics() []metric {
	return []metric{
		{
			key: "register_cpu_us", label: "server CPU per REGISTER, refresh [us]", digits: 1, compare: true, goal: 1.0 / 4,
			value: func(s sample, _ target) (float64, bool) {
				return perRequest(s.Refresh.CPU.Seconds(), s.Refresh.Result.OK)
			},
		},
		{
			key: "register_new_cpu_us", label: "server CPU per REGISTER, new binding [us]", digits: 1, compare: true, goal: 1.0 / 4,
			value: func(s sample, _ target) (float64, bool) {
				return perRequest(s.New.CPU.Seconds(), s.New.Result.OK)
			},
		},
		{
			key: "register_digest_cpu_us", label: "server CPU per REGISTER, refresh with digest [us]", digits: 1, compare: true, goal: 0.8,
			value: func(s sample, _ target) (float64, bool) {
				if s.Asked == nil {
					return 0, false
				}
				return perRequest(s.Asked.Refresh.CPU.Seconds(), s.Asked.Refresh.Result.OK)
			},
		},
		{
			key: "register_digest_new_cpu_us", label: "server CPU per REGISTER, new binding, challenged first [us]", digits: 1, compare: true,
			value: func(s sample, _ target) (float64, bool) {
				if s.Asked == nil {
					return 0, false
				}
				return perRequest(s.Asked.New.CPU.Seconds(), s.Asked.New.Result.OK)
			},
		},
		{
			key: "call_cpu_us", label: "server CPU per call, 7 messages [us]", digits: 1, compare: true, goal: 1.0 / 3,
			value: func(s sample, _ target) (float64, bool) {
				if s.Calls == nil {
					return 0, false
				}
				return perRequest(s.Calls.CPU.Seconds(), s.Calls.Result.Succeeded)
			},
		},
		{
			key: "register_tcp_cpu_us", label: "server CPU per REGISTER, refresh over TCP [us]", digits: 1, compare: true, goal: 0.8,
			value: func(s sample, _ target) (float64, bool) { return s.TCP.perRegister() },
		},
		{
			key: "call_tcp_cpu_us", label: "server CPU per call over TCP, 7 messages [us]", digits: 1, compare: true, goal: 0.8,
			value: func(s sample, _ target) (float64, bool) { return s.TCP.perCall() },
		},
		{
			key: "register_tls_cpu_us", label: "server CPU per REGISTER, refresh over TLS [us]", digits: 1, compare: true, goal: 0.8,
			value: func(s sample, _ target) (float64, bool) { return s.TLS.perRegister() },
		},
		{
			key: "call_tls_cpu_us", label: "server CPU per call over TLS, 7 messages [us]", digits: 1, compare: true, goal: 0.8,
			value: func(s sample, _ target) (float64, bool) { return s.TLS.perCall() },
		},
		{
			key: "idle_cpu_ms_per_s", label: "server CPU without load [ms/s]", digits: 2, compare: true,
			value: func(s sample, _ target) (float64, bool) {
				return s.Idle.CPU.Seconds() * 1000 / s.Idle.Result.Seconds, s.Idle.Result.Seconds > 0
			},
		},
		{
			key: "register_per_s", label: "REGISTER, refresh [1/s]", compare: true,
			value: func(s sample, _ target) (float64, bool) {
				return float64(s.Refresh.Result.OK) / s.Refresh.Result.Seconds, s.Refresh.Result.OK > 0
			},
		},
		{
			key: "register_p50_us", label: "REGISTER latency, median [us]",
			value: func(s sample, _ target) (float64, bool) {
				return float64(s.Refresh.Result.P50), s.Refresh.Result.OK > 0
			},
		},
		{
			key: "register_p99_us", label: "REGISTER latency, 99th percentile [us]",
			value: func(s sample, _ target) (float64, bool) {
				return float64(s.Refresh.Result.P99), s.Refresh.Result.OK > 0
			},
		},
		{
			key: "memory_mib", label: "memory with all bindings [MiB]", digits: 1, compare: true,
			value: func(s sample, _ target) (float64, bool) {
				return float64(s.MemoryAfter) / (1 << 20), true
			},
		},
		{
			key: "bytes_per_binding", label: "memory per binding [bytes]", compare: true, goal: 1.0 / 4,
			value: func(s sample, t target) (float64, bool) {
				return float64(s.MemoryAfter-s.MemoryBefore) / float64(s.Bindings), t.stores
			},
		},
		{
			key: "register_failed", label: "REGISTERs not answered 200",
			value: func(s sample, _ target) (float64, bool) {
				return float64(s.New.Result.failed() + s.Refresh.Result.failed()), true
			},
		},
		{
			key: "register_retransmits", label: "REGISTERs sent again",
			value: func(s sample, _ target) (float64, bool) {
				return float64(s.New.Result.Retransmits + s.Refresh.Result.Retransmits), true
			},
		},
		{
			key: "call_failed", label: "calls failed",
			value: func(s sample, _ target) (float64, bool) {
				if s.Calls == nil {
					return 0, false
				}
				return float64(s.Calls.Result.Created - s.Calls.Result.Succeeded), true
			},
		},
		{
			key: "call_retransmits", label: "requests of calls sent again",
			value: func(s sample, _ target) (float64, bool) {
				if s.Calls == nil {
					return 0, false
				}
				return float64(s.Calls.Result.Retransmits), true
			},
		},
	}
}

// perRequest is microseconds; false when nothing succeeded: a server that
// refuses everything is not a fast one.
func perRequest(seconds float64, requests int) (float64, bool) {
	if requests == 0 {
		return 0, false
	}
	return seconds * 1e6 / float64(requests), true
}
