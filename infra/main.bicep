// Baton on Flex Consumption: everything it needs in one resource group, and its rights at data factories elsewhere.
// Nothing here holds a key: every connection is made with one user-assigned identity.
targetScope = 'resourceGroup'

// The subscription is the one deployed to unless it is given.
@description('Data factories of one resource group.')
type factoryGroup = {
  resourceGroup: string
  subscriptionId: string?
  factories: string[]
}

@description('What this installation is called (the azd environment), like dev or prod. It is part of every name.')
@minLength(2)
@maxLength(12)
param environmentName string

@description('Where everything is. Flex Consumption must be offered there.')
@metadata({ azd: { type: 'location' } })
param location string = resourceGroup().location

@description('Data factories where the identity gets exactly the actions that Baton calls. Leave it empty when whoever deploys may not assign roles there; docs/deploy.md has the commands for somebody who may.')
param factoryGroups factoryGroup[] = []

@description('App settings of your own: what %NAME% in chains.yaml names. Never a secret: let the value be a Key Vault reference, @Microsoft.KeyVault(SecretUri=...).')
param appSettings object = {}

@description('Memory of an instance, in MB.')
@allowed([512, 2048, 4096])
param instanceMemoryMB int = 2048

@description('How many instances there may be at most.')
@minValue(1)
@maxValue(1000)
param maximumInstanceCount int = 40

@description('HTTP instances kept warm. They are billed while idle; 0 pays only for use.')
@minValue(0)
@maxValue(20)
param alwaysReadyHttpInstances int = 0

@description('Calls that one instance answers at the same time.')
@minValue(1)
@maxValue(32)
param httpConcurrency int = 16

@description('How the storage account is replicated. Baton\'s state lives there: use a zone-redundant kind in production.')
@allowed(['Standard_LRS', 'Standard_ZRS', 'Standard_GRS', 'Standard_GZRS', 'Standard_RAGRS', 'Standard_RAGZRS'])
param storageSku string = 'Standard_LRS'

@description('How long logs are kept, in days.')
@minValue(30)
@maxValue(730)
param logRetentionDays int = 30

@description('The most gigabytes of logs taken in a day; -1 for no limit.')
param logDailyQuotaGb int = 1

@description('Who is mailed when runs fail, messages are poisoned or the clock stops. Empty: no alert rules.')
param alertEmails string[] = []

@description('Makes a key vault for the secrets of credentials in chains.yaml. Not needed with managed identities alone.')
param useKeyVault bool = false

@description('The client id of an Entra app registration with the app roles Baton.Read and Baton.Operate: callers then need one of them, and no key. Empty: function keys.')
param entraClientId string = ''

@description('What people enter to see the dashboard where there is no Entra: 24 random characters or more, or a Key Vault reference to them. Empty: no dashboard.')
@secure()
param dashboardKey string = ''

@description('Client ids of the applications whose tokens are taken. Empty: any application of the tenant that gets a token for the registration.')
param entraAllowedApplications string[] = []

@description('The id of a subnet delegated to Microsoft.App/environments, for outbound calls from a network of yours. Empty: none.')
param subnetId string = ''

@description('Whether the storage account and the key vault answer outside of private endpoints. Disable it only with a subnet and private endpoints in place.')
@allowed(['Enabled', 'Disabled'])
param publicNetworkAccess string = 'Enabled'

var token = toLower(uniqueString(resourceGroup().id, environmentName, location))
var suffix = 'baton-${environmentName}-${take(token, 6)}'
var tags = { 'azd-env-name': environmentName }

// Cloud Adoption Framework abbreviations.
var names = {
  identity: 'id-${suffix}'
  storage: 'st${token}'
  workspace: 'log-${suffix}'
  insights: 'appi-${suffix}'
  topic: 'evgt-${suffix}'
  vault: 'kv-${token}'
  plan: 'asp-${suffix}'
  app: 'func-${suffix}'
  actionGroup: 'ag-${suffix}'
}

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: names.identity
  location: location
  tags: tags
}

module storage 'modules/storage.bicep' = {
  name: 'storage'
  params: {
    name: names.storage
    location: location
    tags: tags
    sku: storageSku
    principalId: identity.properties.principalId
    publicNetworkAccess: publicNetworkAccess
  }
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  params: {
    workspaceName: names.workspace
    insightsName: names.insights
    location: location
    tags: tags
    principalId: identity.properties.principalId
    retentionDays: logRetentionDays
    dailyQuotaGb: logDailyQuotaGb
  }
}

module topic 'modules/events-topic.bicep' = {
  name: 'events-topic'
  params: {
    name: names.topic
    location: location
    tags: tags
    principalId: identity.properties.principalId
  }
}

module vault 'modules/key-vault.bicep' = if (useKeyVault) {
  name: 'key-vault'
  params: {
    name: names.vault
    location: location
    tags: tags
    principalId: identity.properties.principalId
    publicNetworkAccess: publicNetworkAccess
  }
}

module app 'modules/function-app.bicep' = {
  name: 'function-app'
  params: {
    name: names.app
    planName: names.plan
    location: location
    tags: tags
    identityId: identity.id
    identityClientId: identity.properties.clientId
    storageName: storage.outputs.name
    deploymentContainer: storage.outputs.deploymentContainer
    insightsName: monitoring.outputs.insightsName
    topicEndpoint: topic.outputs.endpoint
    appSettings: appSettings
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    alwaysReadyHttpInstances: alwaysReadyHttpInstances
    httpConcurrency: httpConcurrency
    entraClientId: entraClientId
    entraAllowedApplications: entraAllowedApplications
    dashboardKey: dashboardKey
    subnetId: subnetId
  }
}

module alerts 'modules/alerts.bicep' = if (!empty(alertEmails)) {
  name: 'alerts'
  params: {
    actionGroupName: names.actionGroup
    namePrefix: suffix
    insightsId: monitoring.outputs.insightsId
    location: location
    tags: tags
    emails: alertEmails
  }
}

module factoryAccess 'modules/factory-access.bicep' = [
  for (group, i) in factoryGroups: {
    name: 'factory-access-${i}-${take(token, 6)}'
    scope: resourceGroup(group.?subscriptionId ?? subscription().subscriptionId, group.resourceGroup)
    params: {
      appName: names.app
      factories: group.factories
      principalId: identity.properties.principalId
    }
  }
]

@description('What azd deploys the code to.')
output AZURE_FUNCTION_APP_NAME string = app.outputs.name

@description('The id of the function app; infra/events.bicep asks for it.')
output AZURE_FUNCTION_APP_ID string = app.outputs.id

@description('Where callers find the API.')
output BATON_URL string = app.outputs.url

@description('The object id of the app\'s identity: what gets rights in Fabric, Power BI and Synapse.')
output BATON_IDENTITY_OBJECT_ID string = identity.properties.principalId

@description('The client id of the app\'s identity.')
output BATON_IDENTITY_CLIENT_ID string = identity.properties.clientId

@description('The name of the app\'s identity, as people see it in lists of members.')
output BATON_IDENTITY_NAME string = identity.name

@description('The storage account that holds Baton\'s state.')
output AZURE_STORAGE_ACCOUNT_NAME string = storage.outputs.name

@description('The component with logs and requests.')
output AZURE_APPLICATION_INSIGHTS_NAME string = monitoring.outputs.insightsName

@description('Where Baton publishes its events.')
output EVENT_GRID_TOPIC_ENDPOINT string = topic.outputs.endpoint

@description('The key vault; empty when there is none.')
output AZURE_KEY_VAULT_NAME string = useKeyVault ? names.vault : ''
