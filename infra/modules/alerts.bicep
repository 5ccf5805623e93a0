// Who is told when something is wrong, from the logs. docs/operations.md has the same queries for people.

@description('The name of the action group.')
param actionGroupName string

@description('What the names of the rules end in.')
param namePrefix string

@description('The id of the Application Insights component.')
param insightsId string

@description('Where the rules are.')
param location string

@description('Tags of the group and the rules.')
param tags object

@description('Who is mailed.')
param emails string[]

// Baton's lines are `action=NAME run=ID step=NAME ...`; a line about a whole run names no step.
var rules = [
  {
    key: 'failed-runs'
    title: 'Runs failed'
    description: 'A run of a chain ended as failed. Its steps say why: GET /api/runs/{id}.'
    severity: 2
    query: 'traces | where message startswith "action=transition " and message contains " to=failed" and message !contains " step="'
  }
  {
    key: 'errors'
    title: 'Baton reports an error'
    description: 'Baton logged an error: a chains file that was refused, a start that a service refused, a job that nobody owns.'
    severity: 2
    query: 'traces | where message startswith "action=" and severityLevel >= 3'
  }
  {
    key: 'poison'
    title: 'Messages are poisoned'
    description: 'A work message failed five times and was moved to baton-work-poison. The run goes on when the timer finds it.'
    severity: 1
    query: 'traces | where message contains "baton-work-poison"'
  }
  {
    key: 'no-heartbeat'
    title: 'The clock has stopped'
    description: 'The minute timer has not ended well for 15 minutes: schedules do not fire, and nobody finds what was lost.'
    severity: 1
    query: 'requests | where name == "tick" and success == true | summarize ticks = count() | where ticks == 0'
  }
]

resource group 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: actionGroupName
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'baton'
    enabled: true
    emailReceivers: [
      for (email, i) in emails: {
        name: 'mail-${i}'
        emailAddress: email
        useCommonAlertSchema: true
      }
    ]
  }
}

resource rule 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for each in rules: {
    name: 'ar-${each.key}-${namePrefix}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: 'Baton: ${each.title}'
      description: each.description
      severity: each.severity
      enabled: true
      scopes: [insightsId]
      evaluationFrequency: 'PT5M'
      windowSize: 'PT15M'
      autoMitigate: true
      criteria: {
        allOf: [
          {
            query: each.query
            timeAggregation: 'Count'
            operator: 'GreaterThan'
            threshold: 0
            failingPeriods: {
              minFailingPeriodsToAlert: 1
              numberOfEvaluationPeriods: 1
            }
          }
        ]
      }
      actions: { actionGroups: [group.id] }
    }
  }
]
