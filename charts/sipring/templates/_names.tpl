{{- define "sipring.name" -}}
{{- if contains "sipring" .Release.Name -}}
{{- printf "%s-operator" .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-sipring-operator" .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "sipring.selector" -}}
app.kubernetes.io/name: sipring-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- /* The labels of every object. Ours win over those of the values. */}}
{{- define "sipring.labels" -}}
{{- $ours := include "sipring.selector" . | fromYaml }}
{{- $_ := set $ours "app.kubernetes.io/version" .Chart.AppVersion }}
{{- $_ := set $ours "app.kubernetes.io/managed-by" .Release.Service }}
{{- $_ := set $ours "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version) }}
{{- toYaml (mergeOverwrite (deepCopy .Values.labels) $ours) }}
{{- end -}}

{{- define "sipring.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}
