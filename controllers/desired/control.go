package desired

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/sipring/sipring/proxy/config"
)

// volumeControl holds the proxy's control socket. A version of the proxy that makes
// none leaves it empty.
const volumeControl = "control-socket"

// controlVolume is writable, as the root file system is not, and as good as without
// room: a socket takes none.
func controlVolume() *corev1ac.VolumeApplyConfiguration {
	return corev1ac.Volume().WithName(volumeControl).WithEmptyDir(
		corev1ac.EmptyDirVolumeSource().WithMedium(corev1.StorageMediumMemory).WithSizeLimit(resource.MustParse("1Mi")))
}

// controlMount is in the proxy's container alone: whoever has the socket reads and
// changes what is registered.
func controlMount() *corev1ac.VolumeMountApplyConfiguration {
	return corev1ac.VolumeMount().WithName(volumeControl).WithMountPath(config.ControlSocketDirectory)
}
