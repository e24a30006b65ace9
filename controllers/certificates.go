package controllers

import (
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/desired"
	"github.com/sipring/sipring/proxy/certificates"
)

// authorityKey is that of who signs clients' certificates.
const authorityKey = "ca.crt"

// newCertificates looks at the Secrets of listeners' certificates. ConfigMaps of
// authorities it leaves to the proxies, whose metrics tell.
func newCertificates(live client.Reader) *credentials {
	return newSecretLook(live, secretUse{
		secrets:     func(seen *observation) []desired.NamedSecret { return desired.CertificateSecrets(seen.cluster) },
		named:       func(*v1alpha1.SIPCluster, string) bool { return true },
		field:       "tls in spec.listeners",
		consequence: "Proxies that have read a certificate go on with it, others refuse handshakes",
		reason:      v1alpha1.ReasonCertificatesUnusable,
		check:       checkCertificates,
	})
}

// checkCertificates says what a proxy would, by key.
func checkCertificates(data map[string][]byte) map[string]string {
	problems := map[string]string{}
	if err := certificates.CheckPair(data[corev1.TLSCertKey], data[corev1.TLSPrivateKeyKey]); err != nil {
		problems[corev1.TLSCertKey] = err.Error()
	}
	if err := certificates.CheckAuthority(data[authorityKey]); err != nil {
		problems[authorityKey] = err.Error()
	}
	return problems
}
