package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the group and version of this package's types.
var GroupVersion = schema.GroupVersion{Group: "sipring.io", Version: "v1alpha1"}

// Kind is the kind of SIPCluster.
const Kind = "SIPCluster"

// AddToScheme makes the types of this package known to a scheme.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion, &SIPCluster{}, &SIPClusterList{})
	metav1.AddToGroupVersion(s, GroupVersion)
	return nil
}
