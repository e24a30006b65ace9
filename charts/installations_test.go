package charts_test

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// TestTwoInstallationsShareNothing: the same release name in two namespaces is
// two operators, each with objects of its own.
func TestTwoInstallationsShareNothing(t *testing.T) {
	place := func(u *unstructured.Unstructured) string {
		return u.GetKind() + " " + u.GetNamespace() + "/" + u.GetName()
	}
	for name, set := range map[string][2]string{
		"named namespaces": {"watchNamespaces={a}", "watchNamespaces={b},crd.install=false"},
		"every namespace":  {"metrics.podMonitor.enabled=true", "metrics.podMonitor.enabled=true,crd.install=false"},
	} {
		t.Run(name, func(t *testing.T) {
			first := map[string]bool{}
			for _, u := range objects(t, "--namespace", "east", "--set", set[0]) {
				first[place(u)] = true
			}
			for _, u := range objects(t, "--namespace", "west", "--set", set[1]) {
				if first[place(u)] {
					t.Errorf("both install %s", place(u))
				}
			}
		})
	}
}

// TestUninstallKeepsTheCRD: every SIPCluster would go with it.
func TestUninstallKeepsTheCRD(t *testing.T) {
	crd := objects(t)["CustomResourceDefinition/sipclusters.sipring.io"]
	if crd == nil || crd.GetAnnotations()["helm.sh/resource-policy"] != "keep" {
		t.Errorf("helm uninstall deletes %v", crd)
	}
	if objects(t, "--set", "crd.install=false")["CustomResourceDefinition/sipclusters.sipring.io"] != nil {
		t.Error("the CRD is installed without being asked for")
	}
}
