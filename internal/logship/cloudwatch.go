package logship

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/penstock-data/penstock/internal/amazon"
	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/setup"
)

// cloudwatch is Amazon CloudWatch Logs (API reference, PutLogEvents,
// 2014-03-28, read 2026-11): 10,000 events in the order of their times, within
// 24 hours; 1 MiB, to which each event adds 26 bytes. None may be older than 14
// days, or than the group keeps its events, or more than 2 hours ahead: it says
// which it has left out of a request that it took.
var cloudwatch = &Service{
	ID: "cloudwatch", Config: setup.Describe("CloudWatch", cloudwatchConfig{}),
	bytes: 1 << 20, extra: 26, within: 24 * time.Hour, oldest: 14 * 24 * time.Hour, send: sendCloudwatch,
}

type cloudwatchConfig struct {
	LogGroup        string `json:"log_group_name" title:"Log group" required:"true"`
	Region          string `json:"region" title:"Region" required:"true"`
	AccessKeyID     string `json:"access_key_id" title:"Access key"`
	AccessKeySecret string `json:"access_key_secret" title:"Secret of the access key" secret:"true"`
	RoleARN         string `json:"role_arn" title:"Role"`
	ExternalID      string `json:"external_id" title:"External id"`
}

func sendCloudwatch(ctx context.Context, v *via, config json.RawMessage, entries []entry) error {
	var c cloudwatchConfig
	if err := setup.Decode(config, &c); err != nil {
		return err
	}
	switch {
	case c.AccessKeyID == "" || c.AccessKeySecret == "":
		return &refusal{reason: "this server is nobody in AWS that could take on a role: give access_key_id and access_key_secret"}
	case c.RoleARN != "":
		return &refusal{reason: "this server takes on no roles in AWS: give an access key that may write to the log group, and role_arn as null"}
	}
	type event struct {
		Timestamp int64  `json:"timestamp"` // milliseconds
		Message   string `json:"message"`
	}
	put := struct {
		Group  string  `json:"logGroupName"`
		Stream string  `json:"logStreamName"`
		Events []event `json:"logEvents"`
	}{Group: c.LogGroup, Stream: source}
	for _, e := range entries {
		put.Events = append(put.Events, event{e.at.UnixMilli(), string(e.line)})
	}
	answer, err := c.call(ctx, v, "PutLogEvents", put)
	if errors.Is(err, errNoStream) {
		if _, err := c.call(ctx, v, "CreateLogStream", map[string]string{"logGroupName": c.LogGroup, "logStreamName": source}); err != nil {
			return err
		}
		answer, err = c.call(ctx, v, "PutLogEvents", put)
	}
	if err != nil {
		return err
	}
	return rejected(answer, len(entries))
}

// rejected returns a *[leftOut] if an answer of PutLogEvents says that it has
// not taken all events (API reference, RejectedLogEventsInfo, 2026-11).
func rejected(answer []byte, events int) error {
	var a struct {
		Info struct {
			TooOldEnd   int  `json:"tooOldLogEventEndIndex"`  // exclusive
			ExpiredEnd  int  `json:"expiredLogEventEndIndex"` // taken to be so too
			TooNewStart *int `json:"tooNewLogEventStartIndex"`
		} `json:"rejectedLogEventsInfo"`
	}
	json.Unmarshal(answer, &a) // of whoever is in the vendor's place: it rejects nothing
	n := max(a.Info.TooOldEnd, a.Info.ExpiredEnd)
	if a.Info.TooNewStart != nil {
		n += events - *a.Info.TooNewStart
	}
	if n <= 0 {
		return nil
	}
	return &leftOut{min(n, events), "which are too old, or too far ahead"}
}

// errNoStream is the answer of PutLogEvents where the stream, or its group, is
// missing.
var errNoStream = &refusal{status: http.StatusBadRequest, reason: "the log service answered ResourceNotFoundException: there is no such log group"}

// call calls an action of the API and returns the answer.
func (c *cloudwatchConfig) call(ctx context.Context, v *via, action string, input any) ([]byte, error) {
	logs := amazon.Service{Name: "logs", Region: c.Region, Endpoint: v.endpoint}
	who := aws.Credentials{AccessKeyID: c.AccessKeyID, SecretAccessKey: c.AccessKeySecret}
	req, err := logs.JSON(ctx, who, v.now(), "Logs_20140328."+action, fivetran.Encode(input))
	if err != nil {
		return nil, &refusal{reason: err.Error()}
	}
	answer, err := v.do(req)
	r, refused := err.(*refusal)
	if !refused {
		return answer, err
	}
	switch f := amazon.FaultOf(answer); {
	case f.Kind == "":
		return nil, err
	case f.Kind == "ResourceNotFoundException":
		return nil, errNoStream
	case f.Kind == "ResourceAlreadyExistsException", f.Kind == "DataAlreadyAcceptedException": // somebody was faster
		return nil, nil
	case f.Throttled(), f.Kind == "LimitExceededException", f.Kind == "OperationAbortedException":
		r.status = http.StatusTooManyRequests
		fallthrough
	default:
		r.reason = "the log service answered " + f.Kind
	}
	return nil, r
}
