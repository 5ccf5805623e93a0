"""What bites others does not bite here.

Other tools that start and watch these services have failed in ways that their users reported, or that were seen by
running them. Each such situation is a story here: the real relay, store, services and clients over the simulated
Azure (`story.py`), with time that jumps. Find what you have met in the table, and the test that shows what Baton
does instead. `test_table.py` holds the table and the tests together.

| others | what happened to them | here |
| --- | --- | --- |
| **Started twice, or lost** | | |
| apache/airflow#72399, #67118, #68956 | a worker dies while it waits; the retry starts a second pipeline run | test_starts.test_a_worker_that_dies_while_waiting_starts_and_cancels_nothing |
| apache/airflow#72399 (what its fix leaves open) | a worker dies between the start and the record of its id | test_starts.test_a_worker_that_dies_between_the_start_and_its_record_leaves_a_job_that_is_found |
| Azure/azure-powershell#22047 | createRun times out at the client: did it start? | test_starts.test_a_start_that_happened_and_was_not_answered_well_is_adopted, test_starts.test_a_start_that_did_not_happen_is_made_again_only_after_the_grace_period, test_starts.test_a_lost_start_that_the_lists_show_late_is_still_adopted |
| the same, and the lists cannot be read either | a start is taken for lost, and repeated | test_starts.test_a_start_of_unknown_outcome_is_not_repeated_while_the_service_cannot_be_read |
| azure-mgmt-datafactory 10.0.0, Airflow's hooks, the Fabric provider | the client library sends the POST again on 408, 429, 500, 502, 503, 504: up to five starts | test_starts.test_a_service_in_trouble_for_an_hour_gets_one_post_for_each_intent, test_starts.test_a_throttled_start_is_one_post_and_another_one_later, test_starts.test_the_session_that_production_uses_sends_nothing_twice_by_itself |
| Azure/azure-powershell#25622, Azure/azure-sdk-for-net#22716 | two createRun calls are given the same run id | test_starts.test_of_two_runs_that_were_given_the_same_id_only_one_takes_it, test_starts.test_a_run_that_was_made_and_answered_with_the_id_of_another_is_found |
| Azure/azure-sdk-for-python#30984 | no id of the caller's own makes a start idempotent | test_starts.test_messages_that_come_many_times_start_nothing_twice |
| Azure/Azure-DataFactory#107 | one blob event starts several instances; no singletons | test_starts.test_the_same_event_starts_one_run_and_one_job, test_starts.test_runs_of_a_singleton_wait_for_each_other_however_many_there_are |
| MicrosoftDocs/azure-docs#85538 | more than 100 queued runs of a pipeline are refused as throttled | test_starts.test_runs_of_a_singleton_wait_for_each_other_however_many_there_are |
| RuiRomano/pbimonitor#58 (`Retry-After: 3392`), at a start | the caller sleeps for an hour, or gives up | test_starts.test_a_retry_after_of_an_hour_puts_that_start_off_and_no_other, test_starts.test_a_start_that_is_put_off_beyond_its_timeout_fails_at_its_timeout_and_says_why |
| **Looks that go wrong** | | |
| apache/airflow#56350, #32323, mozilla/telemetry-airflow#417, the Fabric plugin | one bad read cancels, fails or repeats a healthy run | test_looks.test_one_bad_read_neither_cancels_nor_fails_nor_repeats_a_healthy_job |
| microsoft/apache-airflow-microsoft-fabric-plugin#15 | a 429 whose body has no status is an exception, and the run is cancelled | test_looks.test_one_bad_read_neither_cancels_nor_fails_nor_repeats_a_healthy_job |
| mrpaulandrew/procfwk#99 | reads that fail for long end in a wrong status | test_looks.test_reads_that_fail_for_hours_give_no_verdict |
| apache/airflow#44618, the Fabric plugin's #4, #6, #9 | a new id that is not listed yet is a failure, or a reason to cancel | test_looks.test_a_job_that_is_not_listed_for_minutes_after_its_start_is_waited_for, test_looks.test_a_job_that_drops_out_of_the_lists_for_minutes_in_its_middle_is_waited_for, test_looks.test_a_job_that_is_never_listed_fails_and_gets_no_second_beside_it |
| Airflow's Power BI trigger, dagster-powerbi, goreckir/model_alchemist#65, spetlr-org/spetlr#188 | Cancelled, TimedOut, Disabled never end: seven days of polling | test_looks.test_a_final_status_of_a_refresh_ends_the_wait_within_a_minute, test_looks.test_a_final_status_of_a_pipeline_ends_the_wait_within_a_minute |
| the same | Canceling, or a word that nobody knows, is taken for an end | test_looks.test_a_status_that_is_not_final_or_not_known_is_shown_and_looked_at_again, test_looks.test_a_refresh_with_a_status_that_nobody_knows_is_looked_at_again |
| RuiRomano/pbimonitor#58, MicrosoftDocs/powerbi-docs#2601 | reads are throttled, for an hour | test_looks.test_a_retry_after_of_an_hour_is_obeyed_by_nobody_sleeping_and_by_that_place_alone, test_looks.test_a_throttled_history_does_not_hold_up_a_factory, test_looks.test_new_jobs_at_a_throttled_place_bring_no_look_before_the_time_that_the_service_named, test_looks.test_a_retry_after_that_makes_no_sense_breaks_nothing |
| Airflow's sensor, airflow-powerbi-plugin, dagster-powerbi, microsoft/DataFactory.MCP#47 | a token expires in a long run | test_looks.test_a_run_that_outlives_six_tokens_meets_no_refusal, test_looks.test_a_token_that_expires_early_costs_a_look_and_no_more, test_starts.test_a_token_that_expires_just_before_a_start_puts_it_off_for_seconds |
| astronomer/astronomer-providers#366, Azure-DataFactory's pipeline `concurrency` | a run that is queued, or long, fails by a limit of the tool's own | test_looks.test_a_pipeline_that_its_concurrency_keeps_queued_for_hours_is_waited_for, test_looks.test_a_long_job_is_waited_for_as_long_as_its_timeout_allows |
| apache/airflow#45878, #31214 | waiting for a job that is over already | test_looks.test_a_job_that_is_over_at_the_first_look_costs_no_further_wait |
| Azure/azure-sdk-for-net#22025 | 250 ids need 250 GETs (1,000 runs: tests/services/test_data_factory.py) | test_looks.test_250_runs_of_a_factory_are_watched_with_pages_not_with_a_get_each |
| mrpaulandrew/procfwk#25, Azure/azure-functions-durable-python#168 | "Running" for ever after the platform failed; a monitor that stops | test_looks.test_a_run_that_was_left_running_by_dead_messages_is_reconciled_with_the_service |
| **Refreshes** | | |
| dagster-io/dagster#34218, CF.Cumulus | the newest entry of the history is taken for ours | test_refreshes.test_the_newest_entry_of_the_history_may_be_an_older_refresh_and_ours_is_followed, test_refreshes.test_a_newer_refresh_of_somebody_else_is_not_followed_either |
| apache/airflow#44613 | success is reported though the refresh failed | test_refreshes.test_a_refresh_that_failed_is_never_a_success_though_the_one_before_was |
| every tool: "another refresh is already executing" | the start fails; or theirs, on older data, is counted as ours | test_refreshes.test_an_older_refresh_that_is_still_executing_is_waited_for_and_ours_follows, test_refreshes.test_while_another_refresh_executes_it_is_looked_for_without_posting, test_refreshes.test_a_refresh_that_began_before_the_data_was_ready_is_never_taken_for_a_lost_one |
| MicrosoftDocs/powerbi-docs, asynchronous-refresh: of a burst some are dropped | several requests at once, and one is never run | test_starts.test_several_runs_that_want_the_same_model_refreshed_get_one_refresh_each_in_turn |
| microsoft/Analysis-Services#130 | the answer has no body; the id is only in headers | test_refreshes.test_an_accepted_refresh_without_a_body_is_known_by_its_headers, test_refreshes.test_an_accepted_refresh_that_names_no_id_at_all_is_found_in_the_history |
| microsoft/PowerBI-CSharp#120, maikvandergaag/msft-extensions#89 | "exceeded limit" looks like any other 400 | test_refreshes.test_the_daily_limit_fails_the_step_at_once_and_says_what_it_is |
| Azure-Samples/powerbi-powershell#14, BusinessApplicationPlatform-Connectors-public#450 | a bare 400 with no cause | test_refreshes.test_a_bare_400_fails_the_step_at_once_and_names_the_call_and_the_place |
| dotnet/dnceng#4428, maikvandergaag/msft-extensions#553 | the service's reason does not reach the alert | test_refreshes.test_the_services_reason_for_a_failed_refresh_reaches_the_step_and_the_run, test_refreshes.test_a_capacity_error_with_its_description_is_told_whole |
| Guust-Franssens/tableau-to-powerbi-migration#253, dagster-powerbi | a fixed limit of 300 seconds | test_refreshes.test_a_refresh_may_take_longer_than_five_minutes |
| **Timeouts and cancels** | | |
| Airflow, both Fabric operators, dagster-powerbi | on a timeout the task fails and the job runs on, unseen | test_stops.test_a_timeout_cancels_the_pipeline_at_its_service_and_says_so, test_stops.test_a_timeout_cancels_the_refresh_at_its_service_and_says_so, test_stops.test_the_next_attempt_after_a_timeout_begins_when_the_job_before_has_stopped, test_stops.test_a_long_retry_after_does_not_put_off_a_timeout |
| MicrosoftDocs/azure-docs#42583 | a cancel has no effect, for hours | test_stops.test_a_cancel_that_the_service_refuses_for_a_while_is_asked_for_again, test_stops.test_a_job_that_cannot_be_stopped_is_reported_as_perhaps_running_and_gets_no_second_beside_it |
| apache/airflow#36090, Airflow's Power BI operator, the Fabric provider | a cancelled task leaves its job running | test_stops.test_a_cancel_by_a_caller_stops_the_jobs_under_way_and_starts_nothing_more, test_stops.test_a_cancel_by_a_caller_stops_a_refresh, test_stops.test_a_cancel_while_a_start_is_unclear_stops_the_job_that_shows_up, test_stops.test_a_cancel_whose_worker_dies_is_carried_through |
| apache/airflow#36090 (its usual workaround), the Fabric plugin's end time | a restart of the watching process cancels healthy jobs | test_starts.test_a_worker_that_dies_while_waiting_starts_and_cancels_nothing |
| mrpaulandrew/procfwk#85 | a cancel that cannot be carried out, and nobody is told | test_stops.test_a_standard_refresh_goes_on_after_a_cancel_and_the_run_says_so |
| spetlr-org/spetlr#188, airflow-powerbi-plugin | somebody cancels at the service; the tool waits on, or starts again | test_stops.test_a_job_that_somebody_else_cancelled_at_its_service_fails_the_step_and_is_not_tried_again, test_stops.test_a_refresh_that_somebody_else_cancelled_fails_the_step_and_is_not_tried_again |
| apache/airflow#56350 | "run has already completed with status Succeeded" as a failure | test_stops.test_a_job_that_succeeded_unseen_before_its_timeout_is_a_success, test_stops.test_a_finished_run_cannot_be_cancelled_and_its_job_is_left_alone |
| CF.Cumulus, the Fabric provider: reads that fail until the time is up | the job is called failed, and may be started again beside itself | test_stops.test_a_service_that_cannot_be_read_until_the_timeout_gets_its_job_cancelled_not_repeated |

To come with their services. Synapse: apache/airflow#72368 (a second Spark batch after a retry). Fabric: Deduped as an
end, NotFound and RequestExecutionFailed just after the start, 429 RequestBlocked, 200 calls a minute for an identity
(microsoft/fabric-cicd#704), exit 0 on failure (microsoft/fabric-cli#128), 401 for the wrong audience
(microsoft/semantic-link-labs#782).
"""
