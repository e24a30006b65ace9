package main

// What fails by the cluster's or the callee's fault. Callers that give up, busy
// phones and challenges are none of it.
const (
	failed   = `sipring_proxy_call_results_total{S,code=~"408|480|5.."}`
	answered = `sipring_proxy_call_results_total{S,code=~"2.."}`
	results  = `sipring_proxy_call_results_total{S,code!~"401|407"}`
)

// rows are the dashboard's, from top to bottom. A failover takes milliseconds: what
// tells of it are counters over $__range or $__rate_interval, which see it at a scrape
// every 15 s too.
func rows() []row {
	return []row{
		{title: "What happened", height: 4, panels: overview()},
		{title: "Members", height: 7, panels: members()},
		{title: "Calls", height: 8, panels: calls()},
		{title: "The ring, as each proxy sees it", height: 8, panels: ring()},
		{title: "Registrations", height: 8, panels: registrations()},
		{title: "Applications", height: 7, panels: applications()},
		{title: "Operator", height: 7, panels: operator()},
		{title: "Resources", height: 7, panels: resources()},
	}
}

func stat(title, about, unit, expr string) panel {
	return panel{title: title, about: about, kind: "stat", unit: unit, width: 3, queries: []query{{expr: expr}}}
}

// exactly is what a counter has counted in the time shown. increase goes on to the edges
// of that time with what it found within, and so has more of rare things than there
// were; it is right enough where the process was another one in between.
func exactly(counter string) string {
	return `(max_over_time(` + counter + `[$__range]) - min_over_time(` + counter + `[$__range]) and resets(` + counter + `[$__range]) == 0 or round(increase(` + counter + `[$__range])))`
}

func overview() []panel {
	return []panel{
		stat("In the ring", "Members of the ring, of the proxies that run.", "", `max(sipring_proxy_ring_members{S})`),
		stat("Failovers", "Losses of members in the time shown, as the proxy counted them that counted most.", "", `max(`+exactly("sipring_proxy_failovers_total{S}")+`)`),
		stat("Last failover", "When it was.", "dateTimeFromNow", `max(sipring_proxy_last_failover_timestamp_seconds{S} > 0) * 1000`),
		stat("Slowest take-over", "From the loss of a member to a ring without it, at most (upper bound of the histogram's bucket).", "s", `histogram_quantile(1, sum by (le) (increase(sipring_proxy_peer_loss_to_ring_seconds_bucket{S}[$__range]))) >= 0`),
		stat("Re-homed", "Bindings that were taken over from lost members in the time shown.", "", `sum(`+exactly("sipring_proxy_rehomed_bindings_total{S}")+`)`),
		stat("Registrations", "Bindings now.", "short", `sum(sipring_proxy_bindings{S,role="home"})`),
		stat("Copies of each", "Members that hold a binding, on average.", "", `sum(sipring_proxy_bindings{S}) / sum(sipring_proxy_bindings{S,role="home"})`),
		stat("Failed calls", "Share of the calls in the time shown that ended with 408, 480 or 5xx.", "percentunit", `sum(increase(`+failed+`[$__range])) / sum(increase(`+results+`[$__range]))`),
	}
}

func members() []panel {
	state := func(value, text, color string) object {
		return object{"type": "value", "options": object{value: object{"text": text, "color": color}}}
	}
	return []panel{{
		title: "State of each proxy", kind: "state-timeline", width: 16,
		about:   "A restart is shown for a minute, however short it was.",
		queries: []query{{`max by (pod) (sipring_proxy_ready{S} + 2 * (changes(process_start_time_seconds{S}[1m]) > bool 0) or -1 - (up{S} == 0))`, "{{pod}}"}},
		field: object{"min": nil, "mappings": []object{
			state("-1", "does not answer", "dark-red"), state("0", "not ready", "orange"), state("1", "ready", "green"),
			state("2", "restarted, not ready", "red"), state("3", "restarted", "yellow"),
		}},
	}, {
		title: "Members lost", about: "As each proxy counted them.", width: 8,
		queries: []query{{`increase(sipring_proxy_failovers_total{S}[$__rate_interval])`, "{{pod}}"}},
	}}
}

func calls() []panel {
	return []panel{{
		title: "INVITEs and answers", unit: "reqps", width: 6,
		queries: []query{
			{`sum(rate(sipring_proxy_requests_total{S,method="INVITE"}[$__rate_interval]))`, "INVITE"},
			{`sum(rate(` + answered + `[$__rate_interval]))`, "answered"},
		},
	}, {
		title: "Answer ratio", about: "Answered calls of all that ended being set up.", unit: "percentunit", width: 6,
		queries: []query{{`sum(rate(` + answered + `[$__rate_interval])) / sum(rate(` + results + `[$__rate_interval]))`, "answered"}},
	}, {
		title: "Calls not answered, by code", unit: "reqps", width: 6,
		queries: []query{{`sum by (code) (rate(sipring_proxy_call_results_total{S,code!~"2..|401|407"}[$__rate_interval])) > 0`, "{{code}}"}},
	}, {
		title: "Setup delay", about: "From INVITE to the first 18x.", unit: "s", width: 6,
		queries: quantiles("sipring_proxy_call_setup_delay_seconds_bucket{S}"),
	}, {
		title: "Calls being set up", width: 6, queries: []query{{`sum(sipring_proxy_calls_in_setup{S})`, "all"}},
	}, {
		title: "Responses by class", unit: "reqps", width: 6,
		queries: []query{{`sum by (class) (rate(sipring_proxy_responses_total{S}[$__rate_interval]))`, "{{class}}"}},
	}, {
		title: "Messages dropped", about: "Without an answer, by reason.", unit: "reqps", width: 6,
		queries: []query{{`sum by (reason) (rate(sipring_proxy_dropped_total{S}[$__rate_interval]))`, "{{reason}}"}},
	}, {
		title: "Transactions", about: "What happened to them.", unit: "ops", width: 6,
		queries: []query{{`sum by (event) (rate(sipring_proxy_transaction_events_total{S}[$__rate_interval]))`, "{{event}}"}},
	}}
}

// quantiles are half of what a histogram counts, and the slowest hundredth.
func quantiles(buckets string) []query {
	of := ` sum by (le) (rate(` + buckets + `[$__rate_interval])))`
	return []query{{`histogram_quantile(0.5,` + of, "half"}, {`histogram_quantile(0.99,` + of, "99 %"}}
}

func ring() []panel {
	return []panel{
		{title: "Members of the ring", width: 6, queries: []query{{`sipring_proxy_ring_members{S}`, "{{pod}}"}}},
		{title: "Epoch", width: 6, about: "Of the member set in force.", queries: []query{{`sipring_proxy_ring_epoch{S}`, "{{pod}}"}}, field: object{"min": nil}},
		{title: "Others that are not up", width: 6, queries: []query{{`sum by (pod) (sipring_proxy_peers{S,state!="up"})`, "{{pod}}"}}},
		{title: "Bindings at home", width: 6, about: "Each binding once: the member that orders its changes.", queries: []query{{`sipring_proxy_bindings{S,role="home"}`, "{{pod}}"}}},
	}
}

func registrations() []panel {
	return []panel{{
		title: "REGISTERs by result", unit: "reqps", width: 6,
		queries: []query{{`sum by (result) (rate(sipring_proxy_registrations_total{S}[$__rate_interval]))`, "{{result}}"}},
	}, {
		title: "Time to answer a REGISTER", unit: "s", width: 6, queries: quantiles("sipring_proxy_register_duration_seconds_bucket{S}"),
	}, {
		title: "Re-homed bindings", about: "Taken over from lost members.", width: 6,
		queries: []query{{`increase(sipring_proxy_rehomed_bindings_total{S}[$__rate_interval])`, "{{pod}}"}},
	}, {
		title: "Redundancy", about: "Bindings with too few copies, and bindings lost for good.", width: 6,
		queries: []query{
			{`sum(sipring_proxy_under_replicated_bindings{S})`, "too few copies"},
			{`sum(increase(sipring_proxy_lost_bindings_total{S}[$__rate_interval]))`, "lost"},
		},
	}, {
		title: "Redundancy restored after", about: "From a loss until no binding lacks copies: the slowest in ten minutes.", unit: "s", width: 6,
		queries: []query{{`histogram_quantile(1, sum by (le) (increase(sipring_proxy_redundancy_restored_seconds_bucket{S}[10m]))) >= 0`, "at most"}},
	}, {
		title: "Take-over", about: "From a loss to a ring without the member: the slowest in ten minutes.", unit: "s", width: 6,
		queries: []query{{`histogram_quantile(1, sum by (le) (increase(sipring_proxy_peer_loss_to_ring_seconds_bucket{S}[10m]))) >= 0`, "at most"}},
	}, {
		title: "Operations that failed", about: "Not confirmed by other members in time, or refused at once.", unit: "ops", width: 6,
		queries: []query{
			{`sum by (operation) (rate(sipring_proxy_operations_failed_total{S}[$__rate_interval]))`, "{{operation}}"},
			{`sum(rate(sipring_proxy_operations_refused_total{S}[$__rate_interval]))`, "refused"},
		},
	}, {
		title: "Memory for bindings", unit: "bytes", width: 6,
		queries: []query{{`sipring_proxy_bindings_bytes{S}`, "{{pod}}"}, {`min(sipring_proxy_bindings_budget_bytes{S})`, "budget"}},
	}}
}

func applications() []panel {
	return []panel{{
		title: "Applications by state", about: "Of members in the ring, as the proxies report. Nothing without spec.localApp.", width: 8,
		queries: []query{{`max by (state) (sipring_operator_applications{S})`, "{{state}}"}},
	}, {
		title: "Application serves", about: "As the proxy beside it sees it.", width: 8,
		queries: []query{{`min by (pod) (sipring_application_healthy{S})`, "{{pod}}"}},
	}, {
		title: "Calls at the applications", width: 8, queries: []query{{`sum by (pod) (sipring_application_calls{S})`, "{{pod}}"}},
	}}
}

func operator() []panel {
	return []panel{{
		title: "Failovers by cause", width: 6,
		queries: []query{{`sum by (cause) (increase(sipring_operator_failovers_total{S}[$__rate_interval]))`, "{{cause}}"}},
	}, {
		title: "Members by state", width: 6, queries: []query{{`max by (state) (sipring_operator_members{S})`, "{{state}}"}},
	}, {
		title: "Time to publish", about: "From a pod's event to the published set, of all SIPClusters.", unit: "s", width: 6,
		queries: quantiles("sipring_operator_publish_seconds_bucket"),
	}, {
		title: "SIPClusters that wait for an update", width: 6, queries: []query{{`max(sipring_operator_updates_waiting)`, "waiting"}},
	}, {
		title: "Age of the keys", about: "Of those that sign. They do not expire.", unit: "s", width: 12,
		queries: []query{{`time() - max by (keys) (sipring_operator_keys_created_timestamp_seconds{S} != 0)`, "{{keys}}"}},
	}, {
		title: "Rotation of keys", about: "1 while it waits in vain.", width: 12,
		queries: []query{{`max(sipring_operator_key_rotation_stalled{S})`, "stalled"}},
	}}
}

func resources() []panel {
	return []panel{{
		title: "CPU", width: 6, queries: []query{{`rate(process_cpu_seconds_total{S}[$__rate_interval])`, "{{pod}}"}},
	}, {
		title: "Memory", unit: "bytes", width: 6,
		queries: []query{{`process_resident_memory_bytes{S}`, "{{pod}}"}, {`min(sipring_proxy_memory_limit_bytes{S} > 0) or max(process_resident_memory_bytes{S})`, "limit, or the most"}},
	}, {
		title: "Datagrams", unit: "pps", width: 6,
		queries: []query{{`sum by (direction) (rate(sipring_proxy_datagrams_total{S}[$__rate_interval]))`, "{{direction}}"}},
	}, {
		title: "Lost by the kernel, and between members", width: 6,
		queries: []query{
			{`increase(sipring_proxy_udp_kernel_drops_total{S}[$__rate_interval])`, "datagrams, {{pod}}"},
			{`sum by (reason) (increase(sipring_proxy_peer_frames_dropped_total{S}[$__rate_interval]))`, "frames, {{reason}}"},
		},
	}, {
		title: "Connections", about: "Open ones.", width: 6,
		queries: []query{{`sum by (transport) (sipring_proxy_connections{S,state="open"})`, "{{transport}}"}},
	}, {
		title: "Connections that ended", about: "But for those that the far end ended; and handshakes that came to nothing.", width: 6,
		queries: []query{
			{`sum by (reason) (increase(sipring_proxy_connections_closed_total{S,reason!~"peer|handshake"}[$__rate_interval]))`, "{{reason}}"},
			{`sum by (result) (increase(sipring_proxy_connection_handshakes_total{S,result!="done"}[$__rate_interval]))`, "handshakes, {{result}}"},
		},
	}, {
		title: "Versions", about: "Proxies of each.", width: 6, queries: []query{{`count by (version) (sipring_proxy_build_info{S})`, "{{version}}"}},
	}, {
		title: "Clock skew", about: "Between members, at most.", unit: "s", width: 6, queries: []query{{`max(sipring_proxy_peer_clock_skew_seconds{S})`, "at most"}},
	}}
}
