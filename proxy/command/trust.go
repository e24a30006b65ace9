package command

import (
	"fmt"
	"os"
	"reflect"

	"github.com/sipring/sipring/proxy/config"
)

func readTrust(path string) (*config.Trust, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read trust: %w", err)
	}
	t, err := config.ParseTrust(content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

// parseSet reads a member set of this proxy's own source, which has to be signed if
// anybody's signature is trusted.
func (p *proxy) parseSet(content []byte) (*config.MemberSet, error) {
	if t := p.trust.Load(); t != nil {
		return t.ParseMemberSet(content)
	}
	return config.ParseMemberSet(content)
}

// believe takes the trust file as it is now, and weighs anew what was not believed.
func (p *proxy) believe(content []byte, err error) {
	var next *config.Trust
	if err == nil {
		next, err = config.ParseTrust(content)
	}
	if err != nil {
		p.log.Warn("trust ignored: what was trusted stays", "file", p.options.trust, "error", err)
		return
	}
	if reflect.DeepEqual(p.trust.Swap(next), next) {
		return
	}
	p.log.Info("trust applied", "cluster", next.Cluster, "keys", len(next.Keys))
	p.source.Again()
	p.tellTrust()
}
