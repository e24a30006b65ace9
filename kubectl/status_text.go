package kubectl

import (
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sipring/sipring/api/v1alpha1"
)

// write says it to people.
func (r *clusterReport) write(p *page, wide bool, now time.Time) {
	ready := map[string]string{"True": "ready", "False": "not ready"}[r.Ready]
	if ready == "" {
		ready = "not known to be ready"
	}
	if r.Ready != string(metav1.ConditionTrue) && r.Reason != "" {
		ready += fmt.Sprintf(" (%s: %s)", r.Reason, r.Message)
	}
	p.line("SIPCluster %s/%s: %s", r.Namespace, r.Name, ready)
	facts := [][]string{
		{"Ring", fmt.Sprintf("%d of %s, epoch %d", r.Active, plural(int(r.Total), "member"), r.Epoch)},
		{"Registered", r.registered()},
		{"Last failover", r.lastFailover(now)},
	}
	if r.Keys != nil {
		facts = append(facts, []string{"Keys", keysLine(r.Keys)})
	}
	if r.Signer != nil && wide {
		facts = append(facts, []string{"Signing keys", keysLine(r.Signer)})
	}
	p.table(facts...)
	for _, w := range r.Warnings {
		p.line("Warning: %s", w)
	}
	if len(r.Members) > 0 {
		p.line("")
		p.table(r.rows(wide)...)
	}
}

func (r *clusterReport) registered() string {
	if r.Answered == 0 {
		return "not known"
	}
	line := fmt.Sprintf("%s, and %d copies on other members", plural(r.Bindings, "binding"), r.Copies)
	if r.Answered < len(r.Members) {
		line += fmt.Sprintf(", of the %d of %d members that answer", r.Answered, len(r.Members))
	}
	return line
}

func (r *clusterReport) lastFailover(now time.Time) string {
	f := r.LastFailover
	if f == nil {
		return "none that the proxies know of"
	}
	who := f.Member
	if f.Cause != "" {
		who += fmt.Sprintf(" (%s)", f.Cause)
	}
	return fmt.Sprintf("%s ago, of %s: out of the ring within %d ms, %s re-homed", now.Sub(f.Time).Round(time.Second), who, f.Milliseconds, plural(f.Rehomed, "binding"))
}

func (r *clusterReport) rows(wide bool) [][]string {
	head := []string{"MEMBER", "STATE", "READY", "SHARE", "BINDINGS", "COPIES", "RESTARTS"}
	if wide {
		head = append(head, "EPOCH", "TRANSACTIONS", "ADDRESS", "NODE", "ZONE", "VERSION")
	}
	rows := [][]string{head}
	for i := range r.Members {
		m := &r.Members[i]
		row := []string{m.Name, m.State, m.readiness(), share(m.SharePermille), "?", "?", fmt.Sprint(m.Restarts)}
		if m.Answers {
			row[4], row[5] = fmt.Sprint(m.Home), fmt.Sprint(m.Copies)
		}
		if wide {
			about := []string{"?", "?", m.Address, m.Node, m.Zone, m.Version}
			if m.Answers {
				about[0], about[1] = fmt.Sprint(m.Epoch), fmt.Sprint(m.Transactions)
			}
			row = append(row, about...)
		}
		rows = append(rows, row)
	}
	return rows
}

func (m *memberReport) readiness() string {
	switch {
	case !m.Answers:
		return "?"
	case m.Ready:
		return "yes"
	case m.NotReady != "":
		return "no: " + m.NotReady
	}
	return "no"
}

func share(permille int32) string { return fmt.Sprintf("%d.%d %%", permille/10, permille%10) }

func keysLine(k *v1alpha1.KeysStatus) string {
	line := string(k.Phase)
	if len(k.IDs) > 0 {
		line += ", " + strings.Join(k.IDs, ", ") + " (the first one signs)"
	}
	if k.Request != "" {
		line += fmt.Sprintf(", request %q", k.Request)
	}
	if k.RetireAt != nil {
		line += ", the old ones go " + k.RetireAt.UTC().Format(time.RFC3339)
	}
	return line
}
