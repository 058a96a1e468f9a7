package logship

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"

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
	case strings.Trim(c.Region, "abcdefghijklmnopqrstuvwxyz0123456789-") != "":
		return &refusal{reason: "the region is malformed"}
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
	body := fivetran.Encode(input)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, v.at("https://logs."+c.Region+"."+awsDomain(c.Region))+"/", bytes.NewReader(body))
	if err != nil {
		return nil, &refusal{reason: "the region is malformed"}
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", "Logs_20140328."+action)
	sum := sha256.Sum256(body)
	who := aws.Credentials{AccessKeyID: c.AccessKeyID, SecretAccessKey: c.AccessKeySecret}
	if err := v4.NewSigner().SignHTTP(ctx, who, req, hex.EncodeToString(sum[:]), "logs", c.Region, v.now()); err != nil {
		return nil, err
	}
	answer, err := v.do(req)
	r, refused := err.(*refusal)
	if !refused {
		return answer, err
	}
	var why struct {
		Type string `json:"__type"`
	}
	json.Unmarshal(answer, &why) // a proxy's answer has none
	_, kind, ok := strings.Cut(why.Type, "#")
	if !ok {
		kind = why.Type
	}
	switch kind {
	case "":
		return nil, err
	case "ResourceNotFoundException":
		return nil, errNoStream
	case "ResourceAlreadyExistsException", "DataAlreadyAcceptedException": // somebody was faster
		return nil, nil
	case "ThrottlingException", "LimitExceededException", "OperationAbortedException":
		r.status = http.StatusTooManyRequests
	}
	if strings.Trim(kind, awsLetters) == "" {
		r.reason = "the log service answered " + kind
	}
	return nil, r
}

const awsLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// awsDomain returns the domain of a region's services.
func awsDomain(region string) string {
	if strings.HasPrefix(region, "cn-") {
		return "amazonaws.com.cn"
	}
	return "amazonaws.com"
}
