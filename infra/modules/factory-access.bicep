// The rights at data factories: a role with exactly the actions that Baton calls, assigned at each factory.
// Deployed to the resource group that holds the factories.

@description('The name of the function app: the role is its own, so that two installations do not overwrite each other\'s.')
param appName string

@description('The names of the factories in this resource group.')
param factories string[]

@description('The object id of the app\'s identity.')
param principalId string

// Held against the calls in shared/services by tests/infra/test_roles.py.
var actions = [
  'Microsoft.DataFactory/factories/pipelines/read'
  'Microsoft.DataFactory/factories/pipelines/createrun/action'
  'Microsoft.DataFactory/factories/pipelineruns/read'
  'Microsoft.DataFactory/factories/pipelineruns/cancel/action'
  'Microsoft.DataFactory/factories/pipelineruns/queryactivityruns/action'
  'Microsoft.DataFactory/factories/pipelineruns/queryactivityruns/read'
  'Microsoft.DataFactory/factories/querypipelineruns/action'
  'Microsoft.DataFactory/factories/querypipelineruns/read'
]

resource role 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(resourceGroup().id, appName, 'pipeline-runner')
  properties: {
    roleName: 'Baton pipeline runner ${appName} ${uniqueString(resourceGroup().id)}'
    description: 'Starts, watches and cancels pipeline runs; edits nothing.'
    type: 'CustomRole'
    assignableScopes: [resourceGroup().id]
    permissions: [
      {
        actions: actions
        notActions: []
        dataActions: []
        notDataActions: []
      }
    ]
  }
}

resource factory 'Microsoft.DataFactory/factories@2018-06-01' existing = [for name in factories: { name: name }]

resource assignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (name, i) in factories: {
    name: guid(resourceGroup().id, name, principalId, appName)
    scope: factory[i]
    properties: {
      principalId: principalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: role.id
    }
  }
]
