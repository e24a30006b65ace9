package desired

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/proxy/config"
)

// authorityKey is that of who signs clients' certificates, in a Secret or ConfigMap.
const authorityKey = "ca.crt"

// CertificateSecrets are those that tls in spec.listeners names, each once, in the order
// in which it does, with the keys that are used of them.
func CertificateSecrets(c *v1alpha1.SIPCluster) (all []NamedSecret) {
	name := func(secret v1alpha1.SecretName, keys ...string) {
		i := slices.IndexFunc(all, func(s NamedSecret) bool { return s.Name == string(secret) })
		if i < 0 {
			i, all = len(all), append(all, NamedSecret{Name: string(secret)})
		}
		for _, key := range keys {
			if !slices.Contains(all[i].Keys, key) {
				all[i].Keys = append(all[i].Keys, key)
			}
		}
	}
	for _, l := range c.Spec.Listeners {
		if l.TLS == nil {
			continue
		}
		for _, r := range l.TLS.CertificateRefs {
			name(r.Name, corev1.TLSCertKey, corev1.TLSPrivateKeyKey)
		}
		if ca := l.TLS.ClientCA; ca != nil && ca.SecretName != "" {
			name(ca.SecretName, authorityKey)
		}
	}
	return all
}

// authorityConfigMaps are the names of those that tls in spec.listeners names, each once.
func authorityConfigMaps(c *v1alpha1.SIPCluster) (names []string) {
	for _, l := range c.Spec.Listeners {
		if l.TLS != nil && l.TLS.ClientCA != nil && l.TLS.ClientCA.ConfigMapName != "" && !slices.Contains(names, l.TLS.ClientCA.ConfigMapName) {
			names = append(names, l.TLS.ClientCA.ConfigMapName)
		}
	}
	return names
}

// Paths end in the names of what is mounted there: metrics have them.
func certificatePath(secret string) string  { return mountRoot + "certificates/" + secret }
func authorityPath(configMap string) string { return mountRoot + "authorities/" + configMap }

// listenerTLS is TLS of a listener in the proxies' configuration.
func listenerTLS(t *v1alpha1.ListenerTLS) *config.ListenerTLS {
	if t == nil {
		return nil
	}
	out := &config.ListenerTLS{MinVersion: t.MinVersion, ClientAuth: t.ClientAuth}
	for _, r := range t.CertificateRefs {
		out.Certificates = append(out.Certificates, certificatePath(string(r.Name)))
	}
	switch ca := t.ClientCA; {
	case ca == nil:
	case ca.SecretName != "":
		out.ClientCA = certificatePath(string(ca.SecretName))
	default:
		out.ClientCA = authorityPath(ca.ConfigMapName)
	}
	for _, name := range t.ClientNames {
		out.ClientNames = append(out.ClientNames, string(name))
	}
	return out
}

// withCertificates mounts what listeners name, and of each Secret what is used of it. It
// is optional, so that a pod starts without one that is missing, and followed.
func withCertificates(spec *corev1ac.PodSpecApplyConfiguration, c *v1alpha1.SIPCluster) {
	mount := func(volume *corev1ac.VolumeApplyConfiguration, path string) {
		spec.WithVolumes(volume)
		proxyOf(spec).WithVolumeMounts(corev1ac.VolumeMount().WithName(*volume.Name).WithMountPath(path).WithReadOnly(true))
	}
	for i, s := range CertificateSecrets(c) {
		mount(corev1ac.Volume().WithName(fmt.Sprintf("certificates-%d", i)).WithSecret(
			corev1ac.SecretVolumeSource().WithSecretName(s.Name).WithDefaultMode(0o440).WithOptional(true).WithItems(keysAsFiles(s.Keys)...)),
			certificatePath(s.Name))
	}
	for i, name := range authorityConfigMaps(c) {
		mount(corev1ac.Volume().WithName(fmt.Sprintf("authorities-%d", i)).WithConfigMap(
			corev1ac.ConfigMapVolumeSource().WithName(name).WithDefaultMode(0o440).WithOptional(true).WithItems(keysAsFiles([]string{authorityKey})...)),
			authorityPath(name))
	}
}

func keysAsFiles(keys []string) (items []*corev1ac.KeyToPathApplyConfiguration) {
	for _, key := range keys {
		items = append(items, corev1ac.KeyToPath().WithKey(key).WithPath(key))
	}
	return items
}
