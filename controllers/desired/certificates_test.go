package desired

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestCertificateSecrets: each once, with what is used of it; none of the cluster's own.
func TestCertificateSecrets(t *testing.T) {
	c := ring(t, fiveProtocols)
	want := []NamedSecret{{Name: "example-com", Keys: []string{"tls.crt", "tls.key", "ca.crt"}}, {Name: "example-org", Keys: []string{"tls.crt", "tls.key"}}}
	if d := cmp.Diff(want, CertificateSecrets(c)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if err := CheckCertificates(c); err != nil {
		t.Error(err)
	}
	for _, own := range []string{"ring-keys", "ring-signer"} {
		for _, tls := range []string{"certificateRefs: [{name: a}, {name: " + own + "}]", "certificateRefs: [{name: a}], clientAuth: Require, clientCA: {secretName: " + own + "}"} {
			err := CheckCertificates(ring(t, "listeners: [{name: a, protocol: TLS, tls: {"+tls+"}}]"))
			if err == nil || !strings.Contains(err.Error(), "names the Secret "+own) {
				t.Errorf("%s: %v", tls, err)
			}
		}
	}
	if got := CertificateSecrets(ring(t, "")); got != nil {
		t.Errorf("UDP has %v", got)
	}
}

// TestWhatIsMountedIsWhatIsRead: each directory of the configuration is a mount, and no
// other is.
func TestWhatIsMountedIsWhatIsRead(t *testing.T) {
	c := ring(t, fiveProtocols)
	mounted := map[string]bool{}
	for _, m := range must(StatefulSet(c, "image", "config")).Spec.Template.Spec.Containers[0].VolumeMounts {
		if path := *m.MountPath; strings.Contains(path, "/certificates/") || strings.Contains(path, "/authorities/") {
			mounted[path] = *m.ReadOnly
		}
	}
	read := map[string]bool{}
	for _, l := range must(Config(c)).Listeners {
		if l.TLS != nil {
			for _, path := range append(l.TLS.Certificates, l.TLS.ClientCA) {
				read[path] = true
			}
		}
	}
	if d := cmp.Diff(read, mounted); d != "" {
		t.Errorf("(-read +mounted, true: read-only):\n%s", d)
	}
}

// TestOneListenerOfTCP: the proxies are told of it, and of none where it is of UDP.
func TestOneListenerOfTCP(t *testing.T) {
	c := must(Config(ring(t, "listeners: [{name: tcp, protocol: TCP}]")))
	if len(c.Listeners) != 1 || c.Listeners[0].Protocol != "TCP" || c.Listeners[0].Port != 5060 || c.Ports.SIP != 5060 {
		t.Errorf("%+v, ports.sip %d", c.Listeners, c.Ports.SIP)
	}
	if c := must(Config(ring(t, ""))); c.Listeners != nil {
		t.Errorf("%+v", c.Listeners)
	}
}
