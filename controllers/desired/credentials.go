package desired

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/proxy/config"
)

// NamedSecret is a Secret that the spec names.
type NamedSecret struct {
	Name string
	// Keys are those that have to be there; none: any.
	Keys []string
}

// MaxSelected is how many Secrets a secretSelector may bring in: the proxies read so many
// beside those that may be named.
const MaxSelected = config.MaxCredentialFiles - 8

// SecretSelector is the spec's of Secrets of credentials; nil: it has none.
func SecretSelector(c *v1alpha1.SIPCluster) *metav1.LabelSelector {
	if a := c.Spec.Authentication; a != nil && a.Digest != nil {
		return a.Digest.Credentials.SecretSelector
	}
	return nil
}

// WithSelected is the SIPCluster as if it named the Secrets that its selector selects
// behind those that it does name.
func WithSelected(c *v1alpha1.SIPCluster, names []string) *v1alpha1.SIPCluster {
	if SecretSelector(c) == nil || len(names) == 0 {
		return c
	}
	c = c.DeepCopy()
	from := &c.Spec.Authentication.Digest.Credentials
	for _, name := range names {
		if !Names(c, name) {
			from.Secrets = append(from.Secrets, v1alpha1.CredentialsSecret{Name: v1alpha1.SecretName(name)})
		}
	}
	return c
}

// Names reports whether spec.authentication names the Secret.
func Names(c *v1alpha1.SIPCluster, name string) bool {
	return slices.ContainsFunc(CredentialSecrets(c), func(s NamedSecret) bool { return s.Name == name })
}

// CredentialSecrets are those that spec.authentication names, each once, in the order in
// which it does: the place of one is the number of its mount.
func CredentialSecrets(c *v1alpha1.SIPCluster) []NamedSecret {
	if a := c.Spec.Authentication; a != nil && a.Digest != nil {
		return credentialSecrets(&a.Digest.Credentials)
	}
	return nil
}

func credentialSecrets(c *v1alpha1.Credentials) (all []NamedSecret) {
	name := func(secret v1alpha1.SecretName, keys ...string) {
		i := slices.IndexFunc(all, func(s NamedSecret) bool { return s.Name == string(secret) })
		if i < 0 {
			i, all = len(all), append(all, NamedSecret{Name: string(secret)})
		}
		all[i].Keys = append(all[i].Keys, keys...)
	}
	refer := func(r *v1alpha1.SecretReference) {
		if r != nil {
			name(r.SecretName, string(r.Key))
		}
	}
	for _, s := range c.Secrets {
		if s.Key == "" {
			name(s.Name)
		} else {
			name(s.Name, string(s.Key))
		}
	}
	if c.Postgres != nil {
		refer(&c.Postgres.Connection)
	}
	if h := c.HTTP; h != nil {
		refer(h.Bearer)
		refer(h.CA)
		if h.ClientCertificate != nil {
			name(h.ClientCertificate.SecretName, corev1.TLSCertKey, corev1.TLSPrivateKeyKey)
		}
	}
	return all
}

// credentialPaths are where they are mounted, by name.
func credentialPaths(c *v1alpha1.Credentials) map[v1alpha1.SecretName]string {
	at := map[v1alpha1.SecretName]string{}
	for i, s := range credentialSecrets(c) {
		at[v1alpha1.SecretName(s.Name)] = credentialPath(i)
	}
	return at
}

// CheckCredentials refuses the Secrets of the cluster's own keys: no pod may have those
// that sign member sets, and neither holds users.
func CheckCredentials(c *v1alpha1.SIPCluster) error {
	if s := ownKeys(c, CredentialSecrets(c)); s != "" {
		return fmt.Errorf("spec.authentication names the Secret %s, which holds the cluster's own keys: give the users' credentials one of their own", s)
	}
	return nil
}

// CheckCertificates is the same of the listeners' certificates.
func CheckCertificates(c *v1alpha1.SIPCluster) error {
	if s := ownKeys(c, CertificateSecrets(c)); s != "" {
		return fmt.Errorf("tls in spec.listeners names the Secret %s, which holds the cluster's own keys: give the certificates one of their own", s)
	}
	return nil
}

// ownKeys is the name of a Secret of the cluster's own keys; empty where none is.
func ownKeys(c *v1alpha1.SIPCluster, secrets []NamedSecret) string {
	for _, s := range secrets {
		if s.Name == SignerName(c.Name) || s.Name == KeysName(c.Name) {
			return s.Name
		}
	}
	return ""
}

func credentialPath(i int) string { return fmt.Sprintf("%scredentials/%d", mountRoot, i) }

// withCredentials mounts them. They are optional, so that a pod starts without one that
// is missing, and whole, so that the kubelet follows what changes in them.
func withCredentials(spec *corev1ac.PodSpecApplyConfiguration, c *v1alpha1.SIPCluster) {
	for i, s := range CredentialSecrets(c) {
		volume := fmt.Sprintf("credentials-%d", i)
		spec.WithVolumes(corev1ac.Volume().WithName(volume).WithSecret(
			corev1ac.SecretVolumeSource().WithSecretName(s.Name).WithDefaultMode(0o440).WithOptional(true)))
		proxyOf(spec).WithVolumeMounts(
			corev1ac.VolumeMount().WithName(volume).WithMountPath(credentialPath(i)).WithReadOnly(true))
	}
}
