package credentials

import (
	"errors"
	"log/slog"

	"github.com/sipring/sipring/proxy/config"
)

func openPostgres(*config.Credentials, *slog.Logger, *Metrics) (Store, error) {
	return nil, errors.New("credentials: postgres is not supported yet")
}

func openHTTP(*config.Credentials, *slog.Logger, *Metrics) (Store, error) {
	return nil, errors.New("credentials: http is not supported yet")
}
