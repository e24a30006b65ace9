package controllers_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/api/v1alpha1"
)

// certificate is one with its key, in PEM.
func certificate(t *testing.T) (crt, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"example.com"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	text, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: text})
}

// putSecret writes a Secret with these data; nil: it is not there.
func (b *bench) putSecret(name string, data map[string][]byte) {
	b.Helper()
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: b.ns, Name: name}}
	b.ok(client.IgnoreNotFound(b.client.Delete(b.Context(), s)))
	if data != nil {
		s = &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: b.ns, Name: name}, Data: data}
		b.ok(b.client.Create(b.Context(), s))
	}
}

// TestCertificatesThatCannotBeUsed: pods are made all the same, and none is replaced; the
// status says what is wrong until it is mended.
func TestCertificatesThatCannotBeUsed(t *testing.T) {
	b := newBench(t)
	b.create(func(c *v1alpha1.SIPCluster) {
		c.Spec.Listeners = []v1alpha1.Listener{
			{Name: "udp", Protocol: v1alpha1.ProtocolUDP, Port: 5060},
			{Name: "tls", Protocol: v1alpha1.ProtocolTLS, TLS: &v1alpha1.ListenerTLS{
				CertificateRefs: []v1alpha1.CertificateReference{{Name: "example-com"}}, ClientAuth: "Require", ClientCA: &v1alpha1.ClientCA{SecretName: "trunk-ca"},
			}},
		}
	})
	b.settle()
	for i := range 3 {
		b.pod(i, ready)
	}
	b.settle()
	b.seenTo(3)
	before := b.statefulSet().Generation
	crt, key := certificate(t)
	other, _ := certificate(t)
	for _, step := range []struct {
		name    string
		pair    map[string][]byte
		ca      map[string][]byte
		message string // empty: nothing is wrong
	}{
		{"none", nil, nil, "the Secret example-com, which tls in spec.listeners names, is not there: create it"},
		{"no key", map[string][]byte{"tls.crt": crt}, nil, "the Secret example-com has no key tls.key"},
		{"no authority", map[string][]byte{"tls.crt": crt, "tls.key": key}, nil, "the Secret trunk-ca, which tls in spec.listeners names, is not there"},
		{"all there", map[string][]byte{"tls.crt": crt, "tls.key": key}, map[string][]byte{"ca.crt": crt}, ""},
		{"the key of another", map[string][]byte{"tls.crt": other, "tls.key": key}, map[string][]byte{"ca.crt": crt}, "cannot be used: tls.crt and tls.key: tls: private key does not match public key"},
		{"garbage", map[string][]byte{"tls.crt": []byte("no"), "tls.key": key}, map[string][]byte{"ca.crt": crt}, "the Secret example-com, which tls in spec.listeners names, cannot be used"},
		{"no authority in it", map[string][]byte{"tls.crt": crt, "tls.key": key}, map[string][]byte{"ca.crt": key}, "cannot be used: ca.crt: there is no certificate in it"},
		{"mended", map[string][]byte{"tls.crt": crt, "tls.key": key}, map[string][]byte{"ca.crt": crt}, ""},
	} {
		b.putSecret("example-com", step.pair)
		b.putSecret("trunk-ca", step.ca)
		b.settle()
		c := b.condition(v1alpha1.ConditionDegraded)
		switch {
		case step.message == "" && c.Status != metav1.ConditionFalse:
			t.Errorf("%s: %s (%s), want nothing", step.name, c.Reason, c.Message)
		case step.message != "" && (c.Reason != v1alpha1.ReasonCertificatesUnusable || !strings.Contains(c.Message, step.message)):
			t.Errorf("%s: %s (%s), want %q", step.name, c.Reason, c.Message, step.message)
		}
		if strings.Contains(c.Message, string(key)) || strings.Contains(c.Message, "PRIVATE") {
			t.Errorf("%s: %s", step.name, c.Message)
		}
	}
	if after := b.statefulSet().Generation; after != before {
		t.Errorf("the StatefulSet has changed: generation %d, before %d", after, before)
	}
	b.edit(func(s *v1alpha1.SIPClusterSpec) {
		s.Listeners[1].TLS.CertificateRefs[0].Name = v1alpha1.SecretName(b.cluster().Name + "-signer")
	})
	if err := b.reconcile(); err == nil {
		t.Error("the operator's own keys are taken for a certificate")
	}
	if c := b.condition(v1alpha1.ConditionDegraded); c.Reason != v1alpha1.ReasonCertificatesUnusable || !strings.Contains(c.Message, "holds the cluster's own keys") {
		t.Errorf("the operator's own keys: %s (%s)", c.Reason, c.Message)
	}
	if after := b.statefulSet().Generation; after != before {
		t.Error("they were mounted")
	}
}
